"""A world from a schema: accounts, rows of each, objects, and what the conditions of the schema ask for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from pgassay.catalog.model import Function, Policy, Trigger
from pgassay.catalog.names import relation_name
from pgassay.catalog.read import Catalog, read_catalog
from pgassay.catalog.tables import Table, read_surface
from pgassay.database import Session
from pgassay.observation import Persona
from pgassay.solver.singular import singular_columns
from pgassay.solver.solver import Solver
from pgassay.world.atoms import STATEMENTS, AtomSearch
from pgassay.world.attempts import BACKEND, Attempts, claim
from pgassay.world.claims import find_asked, find_claims, find_consulted, hold
from pgassay.world.filling import Filling
from pgassay.world.model import SHARED, AtomReach, MadeRow, Missing, World
from pgassay.world.naming import name_drawn
from pgassay.world.objects import OBJECTS
from pgassay.world.order import is_own
from pgassay.world.ownership import OwnerPaths, find_ownership
from pgassay.world.presence import find_holders, read_presence
from pgassay.world.references import User
from pgassay.world.rosters import find_asked_alone, find_roles, find_rosters
from pgassay.world.shown import show_rows
from pgassay.world.sign_ups import USERS, SignUps
from pgassay.world.uploads import Uploads

_USER_WORDS = ("user", "owner", "author", "creator", "profile", "customer")


def make_world(  # noqa: PLR0913 - what a caller may choose, by name
    session: Session,
    personas: Sequence[Persona],
    *,
    rows: Mapping[str, str] | None = None,
    effort: int = 1,
    finds_personas: bool = False,
    accounts: bool = True,
    only: Collection[str] = (),
    show: Callable[[str], object] = str,
) -> World:
    """Make what the session's database lacks, in its transaction.

    `rows`: overrides of whose rows a table's are; one of a table that is not there says nothing. Raises
    ConfigError for one that makes no sense. `finds_personas`: users with other claims are named where
    these alone decide. Without `accounts`, only those that rows refer to are made. `only`: no rows are
    made for what policies of other tables ask.
    """
    generation = _Generation(session, personas, rows or {}, effort, show)
    generation.finds_personas = finds_personas
    generation.makes_accounts = accounts
    generation.only = only
    with session.as_owner():
        return generation.run()


def make_rows(
    session: Session, personas: Sequence[Persona], *, rows: Mapping[str, str], effort: int
) -> tuple[MadeRow, ...]:
    """Rows of everybody in the tables that lack them, and nothing for conditions, as `make_world` does."""
    generation = _Generation(session, personas, rows, effort, str)
    with session.as_owner():
        return generation.run_rows()


class _Generation:
    """One world in the making. `finds_personas`: whoever conditions tell apart besides is named."""

    finds_personas = False
    makes_accounts = True
    only: Collection[str] = ()

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
        self._effort = effort
        self._show = show
        self._attempts = Attempts(session)
        self._surface = read_surface(session, roles=sorted({persona.role for persona in personas}))
        with session.as_owner():
            makers = {USERS: self._sign_ups.make_user, OBJECTS: self._uploads.upload}
        self._solver = Solver(session, makers=makers, effort=effort, logs_in=False)

    @cached_property
    def _catalog(self) -> Catalog:
        return read_catalog(self._session.connection, Policy, Trigger, Function)

    @cached_property
    def _sign_ups(self) -> SignUps:
        functions = {function.oid: function for function in self._catalog.of(Function)}
        triggers = [trigger for trigger in self._catalog.of(Trigger) if trigger.table == USERS]
        bodies = (functions[t.function_oid].text for t in triggers if t.function_oid in functions)
        return SignUps(
            surface=self._surface,
            attempts=self._attempts,
            bodies=tuple(bodies),
            begin_numbers=self._begin_numbers,
        )

    def _begin_numbers(self, table: str, purpose: str) -> tuple[str, ...]:
        return self._solver.begin_numbers(table, purpose)

    @cached_property
    def _uploads(self) -> Uploads:
        return Uploads(
            surface=self._surface,
            attempts=self._attempts,
            policies=self._catalog.of(Policy),
            owners=[(user.name, user.id) for user in self._users],
        )

    def run_rows(self) -> tuple[MadeRow, ...]:
        return self._named(self._rows())

    def run(self) -> World:
        found = [
            *(self._sign_ups.accounts(self._personas) if self.makes_accounts else ()),
            self._begin_requests(),
            *self._uploads.objects(),
            *self._rows(),
            *self._search_atoms(),
            *self._shown(),
            *self._refreshes(),
        ]
        return World(
            made=self._named(found),
            missing=tuple(row for row in found if isinstance(row, Missing)),
            atoms=tuple(row for row in found if isinstance(row, AtomReach)),
            personas=tuple(self._atoms.personas_found.values()),
            spent=self._attempts.spent + self._solver.spent,
        )

    def _named(self, found: Iterable[object]) -> tuple[MadeRow, ...]:
        return name_drawn(
            self._session,
            [table for table in self._surface.tables.values() if table.kind in ("r", "p")],
            [row for row in found if isinstance(row, MadeRow)],
            known={user.id for user in self._users},
        )

    def _begin_requests(self) -> MadeRow:
        """What comes through the API is a request; accounts do not."""
        statement = claim(BACKEND)
        self._attempts.refusal([statement])
        return MadeRow(table="", whose=SHARED, statements=(statement,), why="what a request says of itself")

    def _search_atoms(self) -> Iterator[AtomReach | MadeRow]:
        self._solver.log_in()
        yield from self._atoms.search()

    def _shown(self) -> Iterator[MadeRow]:
        changes = self.makes_accounts
        if not self.only:
            yield from show_rows(self._solver, self._surface, self._everybody, may_change=changes)

    def _refreshes(self) -> Iterator[MadeRow]:
        """A materialized view shows the rows that were there when it was filled last."""
        for table in self._surface.tables.values():
            statement = f"refresh materialized view {table.name}"
            if table.kind == "m" and is_own(table) and not self._attempts.refusal([statement]):
                why = "the rows that were made, in a materialized view"
                yield MadeRow(table=table.name, whose=SHARED, statements=(statement,), why=why)

    def _rows(self) -> Iterator[MadeRow | Missing]:
        """Of each, in every table; then those between two users, and those that conditions tell apart."""
        parts = self._catalog.of(Policy), self._catalog.of(Function)
        claims, consulted = hold(find_claims(*parts), self._surface.by_name), find_consulted(*parts)
        asked = find_asked_alone(self._solver, self._surface, self._catalog.of(Function))
        ownership = self._ownership({key for key, claim in claims.items() if claim == "sub"})
        own_parents = frozenset() if self.makes_accounts else consulted | self._read_by_overrides()
        filling = Filling(
            session=self._session,
            surface=self._surface,
            ownership=ownership,
            claims=claims,
            rosters=find_rosters(asked, claims, self._surface),
            singular=singular_columns(self._solver.schema),
            roles=find_roles(asked, claims, self._surface, self._solver.schema),
            users=self._users,
            make=self._solver.make,
            own_parents=own_parents,
            peopled=frozenset(name for name in own_parents if self._has_users(name, ownership)),
        )
        tables = list(filter(_is_filled, self._surface.tables.values()))
        yield from filling.fill(tables, self._show)
        for table in tables:
            if table.name in consulted:
                yield from filling.crossed(table)
            texts = [text for policy in self._catalog.parts(Policy)[table.oid] for _, text in policy.clauses]
            yield from filling.variants(table, texts)

    def _read_by_overrides(self) -> frozenset[str]:
        """Tables that say whose the rows of another one are."""
        return frozenset(find_asked(self._overrides.values(), self._catalog.of(Function)))

    def _has_users(self, name: str, ownership: Mapping[int, OwnerPaths]) -> bool:
        table = self._surface.by_name.get(name)
        if table is None:
            return False
        there = read_presence(self._session, table, ownership.get(table.oid))
        return any(user.id in there.users for user in self._users)

    @cached_property
    def _atoms(self) -> AtomSearch:
        return AtomSearch(
            session=self._session,
            surface=self._surface,
            solver=self._solver,
            personas=self._everybody,
            finds_personas=self.finds_personas,
            may_change=self.makes_accounts,
            most=self._solver.work + STATEMENTS * self._effort,
            last=self._solver.work + 3 * STATEMENTS * self._effort,
            only=self.only,
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
