"""What becomes of an account: sign-up, a new e-mail address, new metadata, deletion; on both sides."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import psycopg

from pgassay.catalog.compare import SchemaChange
from pgassay.catalog.model import Column, ObjectKey
from pgassay.catalog.tables import Surface, Table
from pgassay.diff.account_events import AccountEvent, make_events
from pgassay.diff.difference import AccessChange
from pgassay.diff.loaded import LoadedSide
from pgassay.diff.metadata import (
    USERS,
    leaves,
    read_changed,
    read_literals,
)
from pgassay.diff.weights import find_listed
from pgassay.matrix.model import Direction
from pgassay.matrix.statements import NUMBERS, TEXTS, literal

_FAITHFUL = (*NUMBERS, "bool")
_NOTHING: Sequence[object] = (None, "", {}, [])
_PLATFORM = ("auth", "storage")
_GOING = "rows that go"
_HOSTILE = "as the metadata say"

Fact = tuple[str, str, str]
"""A table, what of it (a column, or rows that came or went), and how it is then."""


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """How many rows a table has, and some of them by what names them."""

    count: int
    rows: Mapping[str, Mapping[str, object]]


@dataclass(frozen=True, kw_only=True)
class _Trace:
    """What an event changes, and how all columns of the rows that it writes are then.

    `erased`: by table and column, in how many rows a text or document is not what it was.
    """

    facts: frozenset[Fact] = frozenset()
    states: frozenset[Fact] = frozenset()
    erased: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def beyond(self, other: _Trace) -> frozenset[Fact]:
        """What is changed here and stands otherwise there: what it was before is nothing of the event's."""
        return self.facts - other.facts - other.states

    def kept_by(self, other: _Trace) -> frozenset[tuple[str, str]]:
        """The columns of which less is erased there; not where rows go."""
        gone = {table for table, what, _ in other.facts if what == _GOING}
        return frozenset(
            (table, column)
            for (table, column), rows in self.erased.items()
            if table not in gone and other.erased.get((table, column), 0) < rows
        )


@dataclass(frozen=True, kw_only=True)
class _Before:
    """The stored tables, what was in them, and words that CHECKs list."""

    tables: Mapping[str, Table]
    rows: Mapping[str, _Rows]
    words: frozenset[str]


def compare_accounts(
    base: LoadedSide, head: LoadedSide, changes: Sequence[SchemaChange]
) -> Iterator[AccessChange]:
    """What HEAD makes of an account otherwise than BASE, where its user may not do so himself.

    Nothing where there are no accounts, or where the owner may not write them.
    """
    if not changes or any(
        ObjectKey("relation", USERS, "") not in side.inventory.objects for side in (base, head)
    ):
        return
    surfaces = [side.surface for side in (base, head)]
    roles = [persona.role for persona in head.personas if persona.id is not None]
    literals = read_literals(base.inventory, head.inventory)
    events = list(make_events(head, literals, read_changed(base.inventory, head.inventory)))
    listed = [find_listed(side.inventory).values() for side in (base, head)]
    words = frozenset(
        word for side in listed for columns in side for some in columns.values() for word in some
    )
    before, after = (
        _observe(side, surface, events, words) for side, surface in zip((base, head), surfaces, strict=True)
    )
    # What has another name now is another table.
    tables = {name: table for name, table in surfaces[0].by_name.items() if name in surfaces[1].by_name}
    told: set[frozenset[tuple[str, str]]] = set()
    for event, former, new in zip(events, before, after, strict=True):
        if new is None:  # it does no more than it did
            continue
        # Whoever chose metadata that BASE refuses could have chosen none.
        old = former or (before[0] if event.document else None) or _Trace()
        less, more = (
            frozenset(fact for fact in some if _is_guarded(tables, fact, roles))
            for some in (old.beyond(new), new.beyond(old))
        )
        # What its user chose in BASE he has no say in any more.
        closed = {fact[:2] for fact in less if fact[2] == _HOSTILE}
        less, more = (frozenset(fact for fact in some if fact[:2] not in closed) for some in (less, more))
        about = frozenset((table, what) for table, what, _ in less | more)
        if about and about not in told:
            told.add(about)
            yield _tell(event, _describe(less), _describe(more), about, changes)
        kept = frozenset(one for one in old.kept_by(new) if event.erases and _is_there(tables, one))
        if kept and kept not in told:
            told.add(kept)
            names = ", ".join(f"{table}.{column}" for table, column in sorted(kept))
            yield _tell(event, f"{names} empty or other", f"{names} as before in some rows", kept, changes)


def _observe(
    side: LoadedSide, surface: Surface, events: Iterable[AccountEvent], words: frozenset[str]
) -> list[_Trace | None]:
    """What each event leaves behind, undone again; None where it is refused."""
    tables = {table.name: table for table in surface.tables.values() if table.stored}
    with side.session.undone(), side.session.as_owner():
        before = _Before(tables=tables, rows=_read(side, tables, "true"), words=words)
    return [_carry_out(side, before, event) for event in events]


def _carry_out(side: LoadedSide, before: _Before, event: AccountEvent) -> _Trace | None:
    connection = side.session.connection
    with side.session.undone(), side.session.as_owner():
        try:
            connection.execute(event.statement.encode())
        except psycopg.Error:
            if connection.closed:
                raise
            return None
        # What this transaction wrote has no age.
        after = _read(side, before.tables, "pg_catalog.age(t.xmin) <= 0")
    return _Trace(
        facts=frozenset(
            fact for name in before.tables for fact in _compare(before, name, after[name], event)
        ),
        states=frozenset(
            (name, column, _spell(before.tables[name].columns[column], value, event, before.words))
            for name, some in after.items()
            for row in some.rows.values()
            for column, value in row.items()
        ),
        erased=Counter(
            (name, column)
            for name, some in after.items()
            for key, row in some.rows.items()
            for column, value in before.rows[name].rows.get(key, {}).items()
            if value not in _NOTHING
            and row[column] != value
            and _may_tell(before.tables[name].columns[column])
        ),
    )


def _may_tell(column: Column) -> bool:
    """Whether a person may be told by it: a text or a document."""
    return column.base in (*TEXTS, "json", "jsonb") and not column.labels


def _read(side: LoadedSide, tables: Mapping[str, Table], which: str) -> dict[str, _Rows]:
    """Of each table how many rows it has, and those of which `which` holds, by what names them."""
    queries = [
        f"select {literal(name)}, count(*), "
        f"coalesce(jsonb_agg(to_jsonb(t.*)) filter (where {which}), '[]') from {name} as t"
        for name in tables
    ]
    found = side.session.connection.execute(" union all ".join(queries).encode()).fetchall()
    return {name: _Rows(count=count, rows=_by_key(tables[name], rows)) for name, count, rows in found}


def _by_key(table: Table, rows: Iterable[Mapping[str, object]]) -> dict[str, Mapping[str, object]]:
    key = next((index.columns for index in table.unique if table.is_named_by(index)), tuple(table.columns))
    return {json.dumps([row[name] for name in key]): row for row in rows}


def _compare(before: _Before, name: str, after: _Rows, event: AccountEvent) -> Iterator[Fact]:
    former, columns = before.rows[name], before.tables[name].columns
    came = len(after.rows.keys() - former.rows.keys())
    if came:
        yield name, "rows that come", str(came)
    if went := former.count + came - after.count:
        yield name, _GOING, str(went)
    for key, row in after.rows.items():
        old = former.rows.get(key)
        for column, value in row.items():
            if old is None or old[column] != value:
                yield name, column, _spell(columns[column], value, event, before.words)


def _spell(column: Column, value: object, event: AccountEvent, words: Collection[str]) -> str:
    """What is drawn anew with each load is only there or not."""
    if event.document and value is not None and json.dumps(value).strip('"') in _spelled(event.document):
        return _HOSTILE
    is_drawn = column.identity or (column.primary and column.has_default)
    is_word = bool(column.labels) or (isinstance(value, str) and value in words)
    if value is None or (column.base in _FAITHFUL and not is_drawn) or is_word:
        return "null" if value is None else str(value)
    return "there"


def _spelled(document: object) -> Iterator[str]:
    return (json.dumps(value).strip('"') for value in leaves(document))


def _is_guarded(tables: Mapping[str, Table], fact: Fact, roles: Iterable[str]) -> bool:
    """Whether both have it, and no user may write it himself; accounts themselves are the platform's."""
    name, what, _ = fact
    table = tables.get(name)
    if table is None or table.schema in _PLATFORM:
        return False
    held = [table.privileges[role] for role in roles if role in table.privileges]
    if what == _GOING:
        return not any(one.removes for one in held)
    if what.startswith("rows"):
        return not any(one.adds for one in held)
    column = table.columns.get(what)
    return column is not None and not any(what in one.update and one.admits("update") for one in held)


def _is_there(tables: Mapping[str, Table], place: tuple[str, str]) -> bool:
    """Whether it is a column that both have, of a table that is not the platform's."""
    table = tables.get(place[0])
    return table is not None and table.schema not in _PLATFORM and place[1] in table.columns


def _tell(
    event: AccountEvent,
    old: str,
    new: str,
    about: Iterable[tuple[str, str]],
    changes: Sequence[SchemaChange],
) -> AccessChange:
    did, does = (text or "nothing of it" for text in (old, new))
    near = {USERS, *(table for table, _ in about)}
    causes = tuple(one for one in changes if one.key.kind == "function" or one.key.object in near)[:2]
    told = " ".join([f"{event.title} now makes {does} (was: {did}).", *map(str, causes)])
    return AccessChange(
        direction=Direction.GAINED,
        message=told,
        setup=(event.statement,),
        causes=causes,
        before=did,
        after=does,
    )


def _describe(facts: Iterable[Fact]) -> str:
    return ", ".join(
        f"{value} {what} of {table}" if " " in what else f"{table}.{what} {value}"
        for table, what, value in sorted(facts)
    )
