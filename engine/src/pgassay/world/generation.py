"""A world from a schema: accounts, rows of each, objects, and what the conditions of the schema ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial

from pgassay.catalog.model import Function, Policy, Trigger
from pgassay.catalog.names import relation_name
from pgassay.catalog.read import Catalog, read_catalog
from pgassay.catalog.tables import Table, read_surface
from pgassay.database import Session
from pgassay.observation import Persona
from pgassay.solver.model import Made, Reason, RowNeed, Source, Unreached
from pgassay.solver.solver import Solver
from pgassay.world.accounts import Account, guess_metadata, make_account
from pgassay.world.atoms import AtomSearch
from pgassay.world.attempts import BACKEND, Attempts, claim, without_triggers
from pgassay.world.claims import Claims, find_asked, find_claims, find_consulted, reads_row
from pgassay.world.filling import Filling, User
from pgassay.world.model import NOBODY, SHARED, AtomReach, MadeRow, Missing, World
from pgassay.world.naming import name_drawn
from pgassay.world.objects import BUCKETS, OBJECTS, make_bucket, make_object, named_buckets, object_values
from pgassay.world.order import is_own
from pgassay.world.ownership import OwnerPaths, find_ownership
from pgassay.world.presence import find_holders, query
from pgassay.world.statements import canonical_id, literal

_USERS, _IDENTITIES = "auth.users", "auth.identities"
_USER_WORDS = ("user", "owner", "author", "creator", "profile", "customer")


def make_world(  # noqa: PLR0913 - what a caller may choose, by name
    session: Session,
    personas: Sequence[Persona],
    *,
    rows: Mapping[str, str] | None = None,
    effort: int = 1,
    finds_personas: bool = False,
    accounts: bool = True,
    show: Callable[[str], object] = str,
) -> World:
    """Make what the session's database lacks, in its transaction.

    `rows`: overrides of whose rows a table's are; one of a table that is not there says nothing. Raises
    ConfigError for one that makes no sense. `finds_personas`: users with other claims are named where
    these alone decide. Without `accounts`, only those that rows refer to are made.
    """
    generation = _Generation(session, personas, rows or {}, effort, show)
    generation.finds_personas = finds_personas
    generation.makes_accounts = accounts
    with session.as_owner():
        return generation.run()


class _Generation:
    """One world in the making. `finds_personas`: whoever conditions tell apart besides is named."""

    finds_personas = False
    makes_accounts = True

    def __init__(
        self,
        session: Session,
        personas: Sequence[Persona],
        overrides: Mapping[str, str],
        effort: int,
        show: Callable[[str], object],
    ) -> None:
        self._session = session
        self._personas = [persona for persona in personas if persona.id is not None]
        self._everybody = list(personas)
        self._users = [_user(persona) for persona in self._personas]
        self._overrides = overrides
        self._show = show
        self._attempts = Attempts(session)
        self._solver = Solver(session, makers={_USERS: self._make_user, OBJECTS: self._upload}, effort=effort)
        self._surface = read_surface(session, roles=sorted({persona.role for persona in personas}))

    @cached_property
    def _catalog(self) -> Catalog:
        return read_catalog(self._session.connection, Policy, Trigger, Function)

    def run(self) -> World:
        found = [
            *(self._accounts() if self.makes_accounts else ()),
            self._begin_requests(),
            *self._objects(),
            *self._rows(),
            *self._atoms.search(),
        ]
        return World(
            made=name_drawn(
                self._session,
                [table for table in self._surface.tables.values() if table.kind in ("r", "p")],
                [row for row in found if isinstance(row, MadeRow)],
            ),
            missing=tuple(row for row in found if isinstance(row, Missing)),
            atoms=tuple(row for row in found if isinstance(row, AtomReach)),
            personas=tuple(self._atoms.personas_found.values()),
            spent=self._attempts.spent + self._solver.spent,
        )

    def _begin_requests(self) -> MadeRow:
        """What comes through the API is a request; accounts do not."""
        statement = claim(BACKEND)
        self._attempts.refusal([statement])
        return MadeRow(table="", whose=SHARED, statements=(statement,), why="what a request says of itself")

    def _accounts(self) -> Iterator[MadeRow | Missing]:
        users = self._surface.by_name.get(_USERS)
        for persona in self._personas if users else ():
            there = query(self._session, f"select 1 from {_USERS} as t where t.id = {literal(persona.id)}")
            if not there:
                yield self._make_account(persona)

    def _make_account(self, persona: Persona) -> MadeRow | Missing:
        answer = self._sign_up(persona.name, partial(make_account, persona))
        if isinstance(answer, Unreached):
            return Missing(table=_USERS, whose=persona.name, what=answer.what)
        return MadeRow(
            table=_USERS,
            whose=persona.name,
            statements=answer.statements,
            why=f"the account of {persona.name}",
            unchecked=answer.unchecked,
        )

    def _make_user(self, need: RowNeed) -> Made | Unreached:
        """An account that a row refers to, for whatever it is needed."""
        name = need.purpose or "somebody"
        id_ = need.values.get("id") or canonical_id(_USERS, name)
        email = need.values.get("email") or f"{canonical_id(_USERS, name)[:8]}@example.com"
        return self._sign_up(name, lambda data: Account(name=name, id=id_, email=email, metadata=data))

    def _sign_up(self, name: str, account: Callable[[Mapping[str, object]], Account]) -> Made | Unreached:
        """With what its triggers may ask for, then with less; at last without triggers."""
        users, identities = (self._surface.by_name.get(table) for table in (_USERS, _IDENTITIES))
        assert users
        before, refusal = self._attempts.spent, ""
        for data in guess_metadata(name, self._sign_up_bodies):
            some = account(data)
            statements = some.statements(users, identities)
            refusal = self._attempts.refusal(statements)
            if not refusal:
                return self._made(some, statements, before)
        some = account({})
        statements = without_triggers(some.statements(users, identities))
        if not self._attempts.refusal(statements):
            return self._made(some, statements, before, unchecked=True)
        spent = self._attempts.spent - before
        return Unreached(goal=f"the account of {name}", reason=Reason.REFUSED, what=refusal, spent=spent)

    def _made(
        self, account: Account, statements: tuple[str, ...], before: int, *, unchecked: bool = False
    ) -> Made:
        return Made(
            table=_USERS,
            values={"id": account.id, "email": account.email},
            statements=statements,
            purpose=account.name,
            unchecked=unchecked,
            spent=self._attempts.spent - before,
        )

    @cached_property
    def _sign_up_bodies(self) -> tuple[str, ...]:
        functions = {function.oid: function for function in self._catalog.of(Function)}
        triggers = [trigger for trigger in self._catalog.of(Trigger) if trigger.table == _USERS]
        return tuple(functions[t.function_oid].text for t in triggers if t.function_oid in functions)

    def _objects(self) -> Iterator[MadeRow | Missing]:
        """An object of each, and one of nobody's, in every bucket that there is or that policies name."""
        if OBJECTS not in self._surface.by_name:
            return
        there = {str(name) for (name,) in query(self._session, f"select t.id from {BUCKETS} as t")}
        for name in named_buckets(self._catalog.of(Policy)):
            if name not in there:
                why = f"the bucket {name}, which policies name"
                yield self._plain(BUCKETS, SHARED, make_bucket(name), why=why)
        buckets = query(
            self._session, f"select t.id, t.allowed_mime_types[1] from {BUCKETS} as t order by t.id"
        )
        for bucket, mime in buckets:
            for whose, owner in [*((user.name, user.id) for user in self._users), (NOBODY, None)]:
                where = "t.owner_id is null" if owner is None else f"t.owner_id = {literal(owner)}"
                found = f"select 1 from {OBJECTS} as t where t.bucket_id = {literal(str(bucket))} and {where}"
                if not query(self._session, found):
                    values = object_values(str(bucket), owner, whose, *([str(mime)] if mime else []))
                    why = f"an object of {whose} in {bucket}"
                    yield self._plain(OBJECTS, whose, make_object(values), why=why)

    def _upload(self, need: RowNeed) -> Made | Unreached:
        """An object that a condition asks for."""
        buckets = query(self._session, f"select t.id from {BUCKETS} as t order by t.id limit 1")
        bucket = need.values.get("bucket_id") or str(next(iter(buckets), ("files",))[0])
        before: tuple[str, ...] = ()
        if not query(self._session, f"select 1 from {BUCKETS} as t where t.id = {literal(bucket)}"):
            before = (make_bucket(bucket),)
        names = self._surface.by_name[OBJECTS].columns
        asked = {name: value for name, value in need.values.items() if not names[name].generated}
        values = object_values(bucket, need.values.get("owner_id"), need.purpose) | asked
        row = self._plain(OBJECTS, need.purpose, *before, make_object(values), why=need.why)
        if isinstance(row, Missing):
            return Unreached(goal=f"a row of {OBJECTS}", reason=Reason.REFUSED, what=row.what)
        return Made(
            table=OBJECTS,
            values=values,
            statements=row.statements,
            purpose=need.purpose,
            why=need.why,
            unchecked=row.unchecked,
        )

    def _plain(self, table: str, whose: str, *statements: str, why: str) -> MadeRow | Missing:
        """By these statements, if need be without triggers."""
        refusal = self._attempts.refusal(statements)
        statements = without_triggers(statements) if refusal else statements
        if refusal and self._attempts.refusal(statements):
            return Missing(table=table, whose=whose, what=refusal)
        return MadeRow(table=table, whose=whose, statements=statements, why=why, unchecked=bool(refusal))

    def _rows(self) -> Iterator[MadeRow | Missing]:
        """Of each, in every table; then those between two users, and those that conditions tell apart."""
        parts = self._catalog.of(Policy), self._catalog.of(Function)
        claims, consulted = find_claims(*parts), find_consulted(*parts)
        filling = Filling(
            session=self._session,
            surface=self._surface,
            ownership=self._ownership({key for key, claim in claims.items() if claim == "sub"}),
            claims=claims,
            rosters=self._rosters(claims),
            users=self._users,
            make=self._solver.make,
        )
        tables = list(filter(_is_filled, self._surface.tables.values()))
        yield from filling.fill(tables, self._show)
        for table in tables:
            if table.name in consulted:
                yield from filling.crossed(table)
            texts = [text for policy in self._catalog.parts(Policy)[table.oid] for _, text in policy.clauses]
            yield from filling.variants(table, texts)

    def _rosters(self, claims: Claims) -> frozenset[str]:
        """Tables that say who may do things everywhere, such as administrators: not everybody is in there."""
        tables = self._surface.by_name
        texts = [
            atom.text
            for condition in self._solver.conditions()
            if condition.source in (Source.USING, Source.CHECK)
            for atom in self._solver.atoms(condition)
            if condition.table in tables and not reads_row(atom.text, tables[condition.table].relation)
        ]
        asked = find_asked(texts, self._catalog.of(Function))
        keyed = {table for (table, _), claim in claims.items() if claim == "sub"}
        tables = self._surface.by_name
        return frozenset(
            name for name in asked & keyed if name in tables and _names_users_alone(tables[name])
        )

    @cached_property
    def _atoms(self) -> AtomSearch:
        return AtomSearch(
            session=self._session,
            surface=self._surface,
            solver=self._solver,
            personas=self._everybody,
            finds_personas=self.finds_personas,
            may_change=self.makes_accounts,
            show=self._show,
        )

    def _ownership(self, held: set[tuple[str, str]]) -> dict[int, OwnerPaths]:
        """As the matrix finds it on the rows that will be there: `held` are columns that will hold ids."""
        ids = [str(persona.id) for persona in self._personas]
        holders = find_holders(self._session, self._surface, ids)
        held = held | {(OBJECTS, "owner_id")}
        for table in self._surface.tables.values():
            names = {name for relation, name in held if relation == table.name and name in table.columns}
            holders[table.oid] = holders.get(table.oid, frozenset()) | names | _user_keys(table)
        known = self._surface.by_name
        overrides = {name: text for name, text in self._overrides.items() if _spelled(name) in known}
        return find_ownership(self._surface, holders=holders, overrides=overrides)


def _spelled(name: str) -> str:
    try:
        return relation_name(name)
    except ValueError:
        return ""


def _user(persona: Persona) -> User:
    email = str(persona.claims.get("email") or f"{persona.name}@example.com")
    return User(name=persona.name, id=str(persona.id), email=email)


def _names_users_alone(table: Table) -> bool:
    """Not the members of a group: those are somewhere, and nowhere else."""
    return all(key.target == _USERS or table.columns[key.columns[0]].primary for key in table.foreign_keys)


def _is_filled(table: Table) -> bool:
    """A table of the project's own, or a partitioned one, through which its partitions get their rows."""
    return is_own(table) and table.readable and table.kind in ("r", "p") and table.root == table.oid


def _user_keys(table: Table) -> frozenset[str]:
    """Columns that refer to nothing and by whose name there is a user in them."""
    referring = {name for key in table.foreign_keys for name in key.columns}
    return frozenset(
        name
        for name, column in table.columns.items()
        if column.base == "uuid" and not column.generated and name not in referring and _names_user(name)
    )


def _names_user(column: str) -> bool:
    return column.lower().removesuffix("id").removesuffix("_").endswith(_USER_WORDS)
