"""What becomes of an account: sign-up, a new e-mail address, new metadata, deletion; on both sides."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import psycopg

from pgassay.catalog.compare import SchemaChange
from pgassay.catalog.literals import Literals, find_literals
from pgassay.catalog.model import Column, ObjectKey
from pgassay.catalog.tables import Surface, Table
from pgassay.diff.difference import AccessChange
from pgassay.diff.loaded import LoadedSide
from pgassay.diff.metadata import (
    USERS,
    VALUES,
    find_addresses,
    find_followers,
    leaves,
    nest,
    read_changed,
    read_literals,
)
from pgassay.diff.weights import find_listed
from pgassay.matrix.model import Direction
from pgassay.matrix.statements import NUMBERS, literal

_NEW = "5157ed00-0000-4000-8000-000000000000"
_ADDRESS = "pgassay-{}@example.com"
_MOST_DOCUMENTS, _MOST_WORDS, _MOST_ADDRESSES = 24, 12, 4
_FAITHFUL = (*NUMBERS, "bool")
_ROW_OF_A_DOCUMENT = frozenset(
    f"{kind}_{verb}" for kind in ("json", "jsonb") for verb in ("populate_record", "to_record")
)
_HOSTILE = "as the metadata say"

Fact = tuple[str, str, str]
"""A table, what of it (a column, or rows that came or went), and how it is then."""


@dataclass(frozen=True, kw_only=True)
class AccountEvent:
    """What the platform does to an account when its user asks; `document` are the metadata that he chose."""

    title: str
    statement: str
    document: Mapping[str, object] | None = None


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """How many rows a table has, and some of them by what names them."""

    count: int
    rows: Mapping[str, Mapping[str, object]]


@dataclass(frozen=True, kw_only=True)
class _Trace:
    """What an event changes, and how all columns of the rows that it writes are then."""

    facts: frozenset[Fact] = frozenset()
    states: frozenset[Fact] = frozenset()

    def beyond(self, other: _Trace) -> frozenset[Fact]:
        """What is changed here and stands otherwise there: what it was before is nothing of the event's."""
        return self.facts - other.facts - other.states


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
    events = list(_make_events(head, literals, read_changed(base.inventory, head.inventory)))
    before, after = (
        _observe(side, surface, events) for side, surface in zip((base, head), surfaces, strict=True)
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
            yield _tell(event, less, more, changes)


def _make_events(head: LoadedSide, literals: Literals, changed: Literals) -> Iterator[AccountEvent]:
    values = list(dict.fromkeys([*VALUES, *literals.strings]))
    documents = [nest(path, value) for path in literals.paths for value in values][:_MOST_DOCUMENTS]
    documents += [nest(path, word) for path in changed.paths for word in _find_words(head, changed)]
    documents += [{name: value} for name in _find_populated(head, literals) for value in VALUES]
    addresses = tuple(islice(find_addresses(changed), _MOST_ADDRESSES))
    yield _sign_up({}, "Whoever signs up")
    for address in addresses:
        yield _sign_up({}, f"Whoever signs up as {address}", address)
    for document in documents:
        yield _sign_up(document, f"Whoever signs up with the metadata {json.dumps(document)}")
    for persona in head.personas:
        if persona.id is None:
            continue
        where = f"where id::text = {literal(persona.id)}"
        for title, what in (
            (f"A new e-mail address of {persona.name}", f"email = {literal(_ADDRESS.format(persona.name))}"),
            *((f"The address {one} of {persona.name}", f"email = {literal(one)}") for one in addresses),
            (f"A sign-in of {persona.name}", "last_sign_in_at = pg_catalog.now()"),
            (f"New metadata of {persona.name}", """raw_user_meta_data = '{"pgassay": 1}'"""),
        ):
            change = f"update {USERS} set {what} {where}"
            yield AccountEvent(title=title, statement=change)
            yield AccountEvent(
                title=f"{title}, whose account was deleted softly,",
                statement=f"update {USERS} set deleted_at = pg_catalog.now() {where}; {change}",
            )
        yield AccountEvent(
            title=f"Deleting the account of {persona.name}", statement=f"delete from {USERS} {where}"
        )


def _find_words(head: LoadedSide, changed: Literals) -> list[str]:
    """What CHECKs list, and enums have, of the columns that a changed function names: a tier, a role."""
    near = find_followers(head.inventory)
    checks = [
        find_literals([str(facts.get("definition"))])
        for key, facts in head.inventory.objects.items()
        if key.kind == "constraint" and key.object in near
    ]
    tables = [one for one in head.surface.by_name.values() if one.name in near]
    columns = [column for one in tables for column in one.columns.values() if column.name in changed.words]
    listed = [word for one in checks if one.words & changed.words for word in one.strings]
    return list(dict.fromkeys([*(word for one in columns for word in one.labels), *listed]))[:_MOST_WORDS]


def _find_populated(head: LoadedSide, literals: Literals) -> list[str]:
    """The columns that metadata name where a whole row is made of them."""
    if literals.words.isdisjoint(_ROW_OF_A_DOCUMENT):
        return []
    near = find_followers(head.inventory)
    keys = [key for key in head.inventory.objects if key.kind == "column" and key.object in near]
    return list(dict.fromkeys(key.name for key in keys))[:_MOST_DOCUMENTS]


def _sign_up(
    document: Mapping[str, object], title: str, address: str = _ADDRESS.format("new")
) -> AccountEvent:
    values = [_NEW, address, json.dumps(dict(document))]
    text = f"insert into {USERS} (id, email, raw_user_meta_data) values ({', '.join(map(literal, values))})"
    return AccountEvent(title=title, statement=text, document=document)


def _observe(side: LoadedSide, surface: Surface, events: Iterable[AccountEvent]) -> list[_Trace | None]:
    """What each event leaves behind, undone again; None where it is refused."""
    tables = {table.name: table for table in surface.tables.values() if table.stored}
    with side.session.undone(), side.session.as_owner():
        listed = find_listed(side.inventory).values()
        words = frozenset(word for columns in listed for some in columns.values() for word in some)
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
    )


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
        yield name, "rows that go", str(went)
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
    if table is None or table.schema in ("auth", "storage"):
        return False
    held = [table.privileges[role] for role in roles if role in table.privileges]
    if what.startswith("rows"):
        return not any(one.delete if what == "rows that go" else one.insert for one in held)
    column = table.columns.get(what)
    return column is not None and not any(what in one.update for one in held)


def _tell(
    event: AccountEvent, old: Iterable[Fact], new: Iterable[Fact], changes: Sequence[SchemaChange]
) -> AccessChange:
    did, does = (_describe(facts) or "nothing of it" for facts in (old, new))
    near = {USERS, *(table for table, _, _ in (*old, *new))}
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
