"""Properties of statements for suites: a call that is repeated, one statement over many rows. See docs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pgassay.catalog.model import Column, Constraint, Relation
from pgassay.catalog.read import read_catalog
from pgassay.database import Session
from pgassay.observation import Persona
from pgassay.races.difference import differences
from pgassay.races.effects import Reader, Result, Seen, Shapes, shape_of
from pgassay.races.reset import TableChange
from pgassay.render.text import counted

Rows = Mapping[str, Counter[str]]


@dataclass(frozen=True, kw_only=True)
class Effects:
    """What statements did: the SQLSTATE of the first that was refused, "" where none was; rows by table."""

    sqlstate: str
    seen: Seen

    def read(self, reader: Reader) -> Result:
        return reader.read(self.seen)


def assert_twice_is_once(session: Session, persona: Persona, statement: str) -> None:
    """A second call with the same arguments changes nothing, or is refused; the first one does something.

    Ids, moments and what else the server draws make no difference: a row that is entered again counts.
    """
    with session.undone():
        first = effects_of(session, persona, [statement], stays=True)
        assert not first.sqlstate, f"Once already, {statement} is refused: {first.sqlstate}"
        assert first.seen.changes, f"Once already, {statement} changes nothing"
        second = effects_of(session, persona, [statement])
    if not second.sqlstate:
        again = "; ".join(_tell(_lasting(second.seen.changes, _shapes(session))))
        assert not again, f"The second {statement} does something again: {again}"


def assert_one_is_many(session: Session, persona: Persona, together: str, apart: Sequence[str]) -> None:
    """One statement over several rows does what a statement for each row does, and is refused where one is.

    Compared up to ids, moments and random values.
    """
    one, again, many = (effects_of(session, persona, some) for some in ([together], [together], apart))
    states = (one.sqlstate or "nothing", many.sqlstate or "nothing")
    refused = "{} is refused with {}, one by one with {}".format(together, *states)
    assert bool(one.sqlstate) == bool(many.sqlstate), refused
    if one.sqlstate:
        return
    assert one.seen.changes, f"{together} changes nothing"
    shapes = _shapes(session)
    reader = Reader(shapes=shapes, mask=Reader(shapes=shapes).noise(one.seen, again.seen))
    found = "; ".join(map(str, differences(one.read(reader), many.read(reader), shapes)))
    assert one.read(reader) == many.read(reader), f"{together} does other than its rows one by one: {found}"


def effects_of(
    session: Session, persona: Persona, statements: Sequence[str], *, stays: bool = False
) -> Effects:
    """What a persona's statements do to all tables, seen by the owner; undone again unless it `stays`."""
    if not stays:
        with session.undone():
            return effects_of(session, persona, statements, stays=True)
    before, sqlstate = _rows(session), ""
    for statement in statements:
        with session.act_as(persona):
            sqlstate = sqlstate or session.attempt(statement).sqlstate
    changes = () if sqlstate else tuple(_changes(before, _rows(session)))
    return Effects(sqlstate=sqlstate, seen=Seen(replies=(), changes=changes, now=datetime.now(UTC)))


def _rows(session: Session) -> Rows:
    with session.as_owner():
        relations = read_catalog(session.connection, Relation).of(Relation)
        tables = [one.name for one in relations if one.kind == "r" and one.readable]
        look = "select {}, to_jsonb(t)::text from {} as t"
        looks = [look.format(number, name) for number, name in enumerate(tables)]
        found: dict[str, Counter[str]] = {name: Counter() for name in tables}
        for number, row in session.connection.execute(" union all ".join(looks).encode()):
            found[tables[number]][row] += 1
    return found


def _changes(before: Rows, after: Rows) -> Iterator[TableChange]:
    for table, now in after.items():
        gone, new = before[table] - now, now - before[table]
        if gone or new:
            yield TableChange(
                table=table, gone=tuple(sorted(gone.elements())), new=tuple(sorted(new.elements()))
            )


def _lasting(changes: Sequence[TableChange], shapes: Shapes) -> Iterator[TableChange]:
    """Without rows of which only moments are other: a call that locks by an UPDATE may stamp the row."""
    for change in changes:
        moments = shapes[change.table].moments if change.table in shapes else frozenset()
        gone, new = (Counter(_without(moments, row) for row in rows) for rows in (change.gone, change.new))
        rest = [row for row in change.new if _without(moments, row) not in gone]
        lost = [row for row in change.gone if _without(moments, row) not in new]
        if gone != new:
            yield TableChange(table=change.table, gone=tuple(lost), new=tuple(rest))


def _without(moments: Collection[str], row: str) -> str:
    return json.dumps({name: value for name, value in json.loads(row).items() if name not in moments})


def _tell(changes: Iterable[TableChange]) -> Iterator[str]:
    for change in changes:
        example = (*change.new, *change.gone)[0]
        yield f"{change.table} has {counted(len(change.new), 'row')} new or changed, such as {example}"


def _shapes(session: Session) -> Shapes:
    with session.as_owner():
        catalog = read_catalog(session.connection, Column, Constraint)
    columns, keys = catalog.parts(Column), catalog.parts(Constraint)
    return {some[0].table: shape_of(some, keys[oid]) for oid, some in columns.items() if some}
