"""What a user's row refers to: rows of theirs, rows that they are tied to, or those of others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from pgassay.catalog.model import Constraint
from pgassay.catalog.names import quoted
from pgassay.catalog.tables import Surface, Table
from pgassay.database import Session
from pgassay.solver.model import Value
from pgassay.world.order import is_own
from pgassay.world.ownership import OwnerPaths
from pgassay.world.presence import array, query
from pgassay.world.statements import literal

_USERS = "auth.users"
_ANY = "true"
_DRAWN = ("uuid", "int2", "int4", "int8")  # keys that are no words


@dataclass(frozen=True, kw_only=True)
class User:
    """A persona with an id, as a row has it: the claims that columns hold."""

    name: str
    id: str
    email: str

    @property
    def claims(self) -> Mapping[str, str]:
        return {"sub": self.id, "email": self.email}


@dataclass(frozen=True, kw_only=True)
class References:
    """Chooses among the rows that are there.

    `own_parents`: tables in which nobody gets a row below what others have, since that lets them at it, as a
    membership does.
    """

    session: Session
    surface: Surface
    ownership: Mapping[int, OwnerPaths]
    users: Sequence[User]
    own_parents: frozenset[str]

    def parent(
        self, table: Table, key: Constraint, user: User | None, known: Mapping[str, Value]
    ) -> Mapping[str, Value]:
        """The columns of a foreign key: a row of the user's there, else any; nothing where there is none."""
        target = self.surface.tables.get(key.target_oid)
        if target is None or target.oid == table.oid:
            return {}
        if target.name == _USERS and user and key.target_columns == ("id",):
            return {key.columns[0]: user.id}
        preferences = self._preferences(target, user)
        if user and table.name in self.own_parents:
            preferences = ((condition, number) for condition, number in preferences if condition != _ANY)
        for condition, number in preferences:
            if found := self._find(target, key, known, condition, number):
                return found
        return {}

    def _preferences(self, target: Table, user: User | None) -> Iterator[tuple[str, int]]:
        """Which row of a table to refer to, as a condition and the number among those that fulfil it."""
        ownership = self.ownership.get(target.oid)
        if ownership and user:
            yield f"{ownership.users} @> {array([user.id])}", 0
        if ownership is None and user:
            for tie in self._ties(target, user):
                yield tie, 0
            yield _ANY, self._number(target, user)
        yield _ANY, 0

    def _number(self, target: Table, user: User) -> int:
        """The user's of the rows of a table: the first, the second; of a list of words the first or the last.

        A list of roles begins with the most powerful ones, or with the least.
        """
        number = self.users.index(user)
        if not number or any(column.base in _DRAWN for column in target.columns.values() if column.primary):
            return number
        [(count,)] = query(self.session, f"select count(*) from {target.name}") or [(0,)]
        return max(number, int(str(count)) - 1)

    def _ties(self, target: Table, user: User) -> Iterator[str]:
        """That the user is a member of a row `t`, for each table that can say so."""
        for other in self.surface.tables.values():
            ownership = self.ownership.get(other.oid)
            for key in other.foreign_keys if ownership else ():
                if key.target_oid == target.oid:
                    joined = " and ".join(
                        f"m.{quoted(ours)} = t.{quoted(theirs)}"
                        for ours, theirs in zip(key.columns, key.target_columns, strict=True)
                    )
                    for name in sorted(ownership.direct if ownership else ()):
                        mine = f"m.{quoted(name)}::text = {literal(user.id)}"
                        yield f"exists (select from {other.name} as m where {joined} and {mine})"

    @cached_property
    def groups(self) -> frozenset[int]:
        """Tables of no user that users' rows refer to, as to a team, and what refers to these."""
        tables = self.surface.tables.values()
        unowned = {table.oid for table in tables if is_own(table)} - self.ownership.keys()
        owning = (table for table in tables if table.oid in self.ownership)
        found = {key.target_oid for table in owning for key in table.foreign_keys} & unowned
        while more := {
            table.oid
            for table in tables
            if table.oid in unowned - found and any(key.target_oid in found for key in table.foreign_keys)
        }:
            found |= more
        return frozenset(found)

    def _find(
        self, target: Table, key: Constraint, known: Mapping[str, Value], condition: str, number: int
    ) -> dict[str, Value]:
        """The key of such a row by its number in the order of their making; `known` of it is so much."""
        pairs = list(zip(key.columns, key.target_columns, strict=True))
        where = [f"t.{quoted(theirs)} = {literal(known[ours])}" for ours, theirs in pairs if ours in known]
        rows = query(
            self.session,
            f"select {', '.join(f't.{quoted(theirs)}::text as c{n}' for n, (_, theirs) in enumerate(pairs))} "
            f"from {target.name} as t where {' and '.join([condition, *where])} "
            f"order by t.tableoid, t.ctid limit 1 offset {number}",
        )
        values = rows[0] if rows else ()
        return {ours: _text(value) for (ours, _), value in zip(pairs, values, strict=False)}


def _text(value: object) -> Value:
    return None if value is None else str(value)
