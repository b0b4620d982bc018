"""Rows of each user, of nobody and of everybody, in every table of the project: along foreign keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice, product
from typing import TypeGuard

from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column
from pgassay.catalog.names import quoted
from pgassay.catalog.tables import Surface, Table
from pgassay.database import Session
from pgassay.solver.model import Made, Reason, RowNeed, Unreached, Value
from pgassay.solver.rows import Maker
from pgassay.world.attempts import BACKEND, claim, kept_if
from pgassay.world.claims import Claims
from pgassay.world.model import NOBODY, SHARED, MadeRow, Missing
from pgassay.world.order import order_tables
from pgassay.world.ownership import OwnerPaths
from pgassay.world.presence import query, read_presence
from pgassay.world.references import References, User
from pgassay.world.statements import literal

_WAYS = 6  # to make a row: each of the choices of what it refers to, plainly or as a request of its user
_LABELS = 12  # of one column that rows are made for


@dataclass(frozen=True, kw_only=True)
class Filling:
    """Fills tables through `make`. `claims`: the columns that hold a claim of their user.

    `rosters`: tables that say who is an administrator or the like; the first user is. `own_parents`: tables
    in which nobody gets a row below what others have, since that lets them at it, as a membership does.
    `peopled`: where somebody wrote rows of users, and so said who is in what is another's. `roles`: by table,
    what the second user is there, who shall not be all that the first one is. `singular`: tables and columns
    of which each user may have one row.
    """

    session: Session
    surface: Surface
    ownership: Mapping[int, OwnerPaths]
    claims: Claims
    rosters: frozenset[str]
    users: Sequence[User]
    make: Maker
    own_parents: frozenset[str] = frozenset()
    peopled: frozenset[str] = frozenset()
    singular: frozenset[tuple[str, str]] = frozenset()
    roles: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)

    @cached_property
    def _references(self) -> References:
        return References(
            session=self.session,
            surface=self.surface,
            ownership=self.ownership,
            users=self.users,
            own_parents=self.own_parents,
        )

    def fill(self, tables: Sequence[Table], show: Callable[[str], object]) -> Iterator[MadeRow | Missing]:
        """What is missing is made, parents first; what still is missing at the end is told."""
        refused: dict[str, dict[str, str]] = {}
        ordered = order_tables(tables)
        for table in (*ordered, *_before_their_parents(ordered)):
            show(f"making rows of {table.name}")
            refusals = refused[table.name] = {}
            for whose in self.lacking(table):
                # What refused one will hardly let another in: no more than the first way is tried.
                answer = self._make(table, whose, ways=1 if refusals else _WAYS)
                if isinstance(answer, MadeRow):
                    yield answer
                else:
                    refusals[whose] = answer.reason.value + (f": {answer.what}" if answer.what else "")
        for table in tables:
            for whose in self.lacking(table):
                what = refused[table.name].get(whose, "")
                yield Missing(table=table.name, whose=whose, what=what)

    def variants(self, table: Table, texts: Sequence[str]) -> Iterator[MadeRow]:
        """Rows of the first user with each label, boolean and null that conditions read and no row has."""
        if not self.users or not texts or self._is_singular(table):
            return
        words = find_literals(texts).words
        who, ownership = self.users[0].name, self.ownership.get(table.oid)
        fixed = {name for key in table.foreign_keys for name in key.columns}
        fixed |= ownership.columns if ownership else frozenset()
        for name, column in table.columns.items():
            if name not in words or name in fixed or column.generated:
                continue
            for value in self._unseen(table, column):
                shown = f"{name} = {value}" if value is not None else f"{name} is null"
                purpose = f"{who} {shown}"
                values = self.values(table, who) | {name: value}
                need = RowNeed(table=table.name, values=values, purpose=purpose, shared=False)
                answer = self.make(need)
                if _is_made(answer):
                    yield _told(answer, who, f"a row of {who} where {shown}")

    def _unseen(self, table: Table, column: Column) -> list[Value]:
        """The labels, booleans and null that no row has; not null is what rows have by themselves."""
        kinds: list[Value] = list(column.labels[:_LABELS]) or (
            ["true", "false"] if column.base == "bool" else []
        )
        wanted = [*kinds, *([] if column.not_null else [None])]
        rows = query(
            self.session, f"select distinct t.{column.quoted}::text from {table.name} as t limit 100"
        )
        seen = {value for (value,) in rows}
        return [value for value in wanted if value not in seen]

    def crossed(self, table: Table) -> Iterator[MadeRow]:
        """The first user in what is the second one's, as a member of a group is; the second stays outside."""
        ownership = self.ownership.get(table.oid)
        if ownership is None or not ownership.direct or len(self.users) < 2 or table.name in self.peopled:
            return
        if self._is_singular(table):
            return
        first, second = self.users[:2]
        own, other = self.values(table, first.name), self.values(table, second.name)
        values = other | {name: own[name] for name in ownership.direct if name in own}
        if values in (own, other):
            return
        where = " and ".join(
            f"t.{quoted(name)} = {literal(value)}" for name, value in values.items() if value is not None
        )
        if where and query(self.session, f"select 1 from {table.name} as t where {where}"):
            return
        purpose = f"{first.name} in what is {second.name}'s"
        answer = self.make(RowNeed(table=table.name, values=values, purpose=purpose, shared=False))
        if _is_made(answer):
            yield _told(answer, first.name, f"a row of {purpose}")

    def _is_singular(self, table: Table) -> bool:
        """Whether a second row of one user would break what policies ask."""
        ownership = self.ownership.get(table.oid)
        return ownership is not None and any((table.name, name) in self.singular for name in ownership.direct)

    def lacking(self, table: Table) -> list[str]:
        """Whose rows the table can have, and has not."""
        ownership = self.ownership.get(table.oid)
        there = read_presence(self.session, table, ownership)
        if table.oid in self._references.groups:
            return [user.name for user in self.users[there.count : 2]]
        if ownership is None:
            return [] if there.count else [SHARED]
        users = self.users[:1] if table.name in self.rosters else self.users
        names = [user.name for user in users if user.id not in there.users]
        can_be_nobodys = not any(table.columns[name].not_null for name in ownership.columns)
        return [*names, *([NOBODY] if can_be_nobodys and not there.nobody else [])]

    def _make(self, table: Table, whose: str, *, ways: int) -> MadeRow | Unreached:
        """With all that a row of theirs may refer to, else with what it takes; at last as they ask for it."""
        answer: Made | Unreached | None = None
        choices = [*islice(product(self._choices(table, whose), self._requests(table, whose)), ways)]
        # In another way rather than without its triggers.
        for unchecked, (values, request) in product((False, True), choices):
            need = RowNeed(
                table=table.name, values=values, purpose=whose, why=f"a row of {whose}", shared=False
            )
            with kept_if(self.session) as kept:
                answer = self._make_in(request, need)
                made = isinstance(answer, Made) and (unchecked or not answer.unchecked)
                kept.append(made and whose not in self.lacking(table))
            if isinstance(answer, Made) and all(kept):
                return _told(answer, whose, need.why)
        if isinstance(answer, Made):
            written = [text for text in answer.statements if text != claim(BACKEND)]
            what = f"a row went in, and is not theirs: {written[-1]}"
            return Unreached(goal=f"a row of {whose}", reason=Reason.UNREACHED, what=what)
        assert answer is not None
        return answer

    def _requests(self, table: Table, whose: str) -> list[tuple[str, str]]:
        """Statements around those that make a row: none, and what makes it a request of theirs.

        What is everybody's is the first user's to write.
        """
        user = next((user for user in self.users if whose in (user.name, SHARED)), None)
        if user is None or not table.acting:  # only triggers ask
            return [("", "")]
        claims = {"sub": user.id, "email": user.email, "role": "authenticated"}
        return [("", ""), (claim(claims), claim(BACKEND))]

    def _make_in(self, request: tuple[str, str], need: RowNeed) -> Made | Unreached:
        before, after = request
        if not before:
            return self.make(need)
        self.session.connection.execute(before.encode())
        answer = self.make(need)
        self.session.connection.execute(after.encode())
        return replace(answer, statements=(before, *answer.statements, after)) if _is_made(answer) else answer

    def _choices(self, table: Table, whose: str) -> list[Mapping[str, Value]]:
        full = self.values(table, whose)
        ownership = self.ownership.get(table.oid)
        owning = ownership.columns if ownership else frozenset()
        bare = {
            name: value
            for name, value in full.items()
            if name in owning or (table.columns[name].not_null and not table.columns[name].has_default)
        }
        choices = [full, bare, self.values(table, whose, apart=True)]
        return [choice for number, choice in enumerate(choices) if choice not in choices[:number]]

    def values(self, table: Table, whose: str, *, apart: bool = False) -> dict[str, Value]:
        """What makes a row theirs: keys of their rows elsewhere, and their claims. Nobody's: nulls.

        `apart`: where several keys lead to one table, the later ones lead to what is another user's, as a
        friend or who is referred is somebody else.
        """
        user = next((user for user in self.users if user.name == whose), None)
        who = user or next(iter(self.users), None)
        other = next((one for one in self.users if one != who), who)
        found: dict[str, Value] = {}
        targets: set[int] = set()
        for key in sorted(table.foreign_keys, key=lambda key: (-len(key.columns), key.columns)):
            whom = other if apart and key.target_oid in targets else who
            targets.add(key.target_oid)
            found |= self._references.parent(table, key, whom, found) or {}
        if who:
            found |= {name: value for name, value in self._held(table, who) if name not in found}
        ownership = self.ownership.get(table.oid)
        if user is None and ownership:
            found |= dict.fromkeys(ownership.columns)
        if user and user != self.users[0]:
            found = {**self.roles.get(table.name, {}), **found}
        return found

    def _held(self, table: Table, user: User) -> Iterator[tuple[str, Value]]:
        """Claims in columns that the schema compares with them, and the id in those that own the row."""
        ownership = self.ownership.get(table.oid)
        referring = {name for key in table.foreign_keys for name in key.columns}
        for name, column in table.columns.items():
            is_owner = ownership is not None and name in ownership.direct
            claim = self.claims.get((table.name, name)) or ("sub" if is_owner else "")
            if not claim or column.generated or name in referring:
                continue
            value = user.claims[claim]
            yield name, f"{{{value}}}" if column.category == "A" else value


def _before_their_parents(ordered: Sequence[Table]) -> list[Table]:
    """In a circle of foreign keys: what had to be filled before something that it refers to."""
    place = {table.oid: number for number, table in enumerate(ordered)}
    return [
        table
        for table in ordered
        if any(place.get(key.target_oid, -1) > place[table.oid] for key in table.foreign_keys)
    ]


def _told(made: Made, whose: str, why: str) -> MadeRow:
    return MadeRow(
        table=made.table, whose=whose, statements=made.statements, why=why, unchecked=made.unchecked
    )


def _is_made(answer: Made | Unreached) -> TypeGuard[Made]:
    return isinstance(answer, Made)
