"""Whose rows there are, and in which columns the ids of personas stand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pgassay.catalog.tables import Surface, Table
from pgassay.database import Session
from pgassay.observation import Outcome
from pgassay.world.ownership import OwnerPaths
from pgassay.world.statements import literal

_MOST = 1000  # rows that are looked at
_IDS = ("uuid", "text", "varchar", "bpchar")


@dataclass(frozen=True, kw_only=True)
class Presence:
    """Of one table: the ids of users that have a row, whether nobody has one, and how many rows there are."""

    users: frozenset[str]
    nobody: bool
    count: int


def read_presence(session: Session, table: Table, ownership: OwnerPaths | None) -> Presence:
    """As the schema's owner; of a table that cannot be read nothing is there."""
    users = ownership.users if ownership else "array[]::text[]"
    rows = query(
        session,
        f"select array(select distinct unnest(q.users)) as users, q.none from (select {users} as users, "
        f"cardinality(array_remove({users}, null)) = 0 as none from {table.name} as t limit {_MOST}) as q",
    )
    found = {id_ for ids, _ in rows if isinstance(ids, list) for id_ in ids if id_ is not None}
    return Presence(users=frozenset(found), nobody=any(none for _, none in rows), count=len(rows))


def find_holders(session: Session, surface: Surface, ids: Sequence[str]) -> dict[int, frozenset[str]]:
    """The columns of each table in which one of these ids occurs."""
    found = {}
    for table in surface.tables.values():
        columns = [c for c in table.columns.values() if c.base in _IDS and not c.generated]
        if not table.reachable:  # only to know the tables of users
            columns = [c for c in columns if (c.name,) in {u.columns for u in table.unique if u.primary}]
        if columns:
            tests = [f"bool_or(t.{c.quoted}::text = any({array(ids)}))" for c in columns]
            held = zip(columns, ask(session, table, tests), strict=False)
            found[table.oid] = frozenset(column.name for column, is_held in held if is_held)
    return found


def ask(session: Session, table: Table, tests: Sequence[str]) -> tuple[object, ...]:
    """One value for each aggregate over a table `t`; none where it can not be read."""
    named = ", ".join(f"{test} as a{number}" for number, test in enumerate(tests))
    return next(iter(query(session, f"select {named} from {table.name} as t")), ())


def query(session: Session, text: str) -> list[tuple[object, ...]]:
    """Rows of a query; none where the owner may not run it."""
    attempt = session.attempt(text)
    return [tuple(row.values()) for row in attempt.rows] if attempt.outcome is Outcome.ALLOWED else []


def array(values: Iterable[str]) -> str:
    """Values as SQL of text[]."""
    return f"array[{', '.join(map(literal, values))}]::text[]"
