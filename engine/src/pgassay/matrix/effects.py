"""What a write did to every table besides what its statement says, triggers and cascades included."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pgassay.catalog.tables import Surface, Table
from pgassay.database import Session
from pgassay.database.pipeline import Answer
from pgassay.errors import CannotJudgeError
from pgassay.matrix.model import Action, Effect, Effects, Probe

Fly = Callable[[Sequence[Probe], Sequence[Sequence[str]]], Sequence[Answer]]
"""Runs a segment for each probe, as its persona."""

Rows = Sequence[tuple[str | None, ...]]

# The locks of a write that was rolled back are gone: these are the tables that this one wrote to, or tried.
_WRITTEN = """
    select l.relation::bigint from pg_catalog.pg_locks as l
    where l.pid = pg_catalog.pg_backend_pid() and l.locktype = 'relation'
        and l.mode in ('RowExclusiveLock', 'AccessExclusiveLock')
"""
_LOOK = ("execute pgassay_written", "set local role none")  # then, as owner, at rows
_FIRST_ROWS = 1 + len(_LOOK)


class EffectRecorder:
    """Watches writes: their locks tell which tables to look at, the rows of this transaction what is new.

    A table without triggers, rules and acting foreign keys is not watched: a write there has no effects.
    """

    def __init__(self, session: Session, surface: Surface) -> None:
        self._session = session
        self._tables = {table.oid: table for table in surface.tables.values() if table.stored}
        acting = {
            key.target_oid for table in surface.tables.values() for key in table.foreign_keys if key.acts
        }
        self._own = {
            table.name: [other for other in self._tables.values() if table.oid in (other.oid, other.root)]
            for table in surface.tables.values()
            if table.acting or not table.stored or table.oid in acting
        }
        self._before: dict[int, _Before] = {}
        with session.undone():  # of which statements stay prepared, and no table stays locked
            self._send(f"prepare pgassay_written as {_WRITTEN}")
            for table in self._tables.values():
                # What this transaction wrote has no age.
                new = "coalesce(jsonb_agg(to_jsonb(t.*)) filter (where pg_catalog.age(t.xmin) <= 0), '[]')"
                self._send(f"prepare {_reading(table)} as select count(*), {new} from {table.name} as t")

    def close(self) -> None:
        """Forget the prepared statements."""
        for name in ("pgassay_written", *map(_reading, self._tables.values())):
            self._send(f"deallocate {name}")

    def segment(self, probe: Probe) -> list[str]:
        """The write, and what looks at its own table after it."""
        own = self._own.get(probe.key.table)
        return [probe.witness.statement, *(_look(own) if own is not None else ())]

    def refused(self, answer: Answer) -> bool:
        """Whether the write itself failed. Raises CannotJudgeError when what looks at it did."""
        if not answer.sqlstate or not answer.counts:
            return bool(answer.sqlstate)
        raise CannotJudgeError("Cannot see what a write did.", why=f"{answer.sqlstate}: {answer.message}")

    def effects(self, tried: Sequence[tuple[Probe, Answer]], fly: Fly) -> list[Effects]:
        """Of writes that went through, by their segments' answers; what wrote to other tables runs again."""
        others = [self._others(probe, answer) for probe, answer in tried]
        again = [(probe, some) for (probe, _), some in zip(tried, others, strict=True) if some]
        segments = [[probe.witness.statement, *_look(some)] for probe, some in again]
        seen = iter(fly([probe for probe, _ in again], segments))
        return [
            (
                *self._changes(probe, answer, self._own.get(probe.key.table, ()), answer),
                *(self._changes(probe, answer, some, next(seen)) if some else ()),
            )
            for (probe, answer), some in zip(tried, others, strict=True)
        ]

    def _others(self, probe: Probe, answer: Answer) -> list[Table]:
        """The tables written to besides the probe's own."""
        if probe.key.table not in self._own:
            return []
        own = {table.oid for table in self._own[probe.key.table]}
        written = {int(oid or 0) for (oid,) in answer.rows[1]}
        return [table for oid, table in self._tables.items() if oid in written - own]

    def _changes(
        self, probe: Probe, answer: Answer, tables: Sequence[Table], looked: Answer
    ) -> Iterator[Effect]:
        for table, rows in zip(tables, looked.rows[_FIRST_ROWS:], strict=True):
            if change := self._change(probe, answer, table, rows):
                yield change

    def _change(self, probe: Probe, answer: Answer, table: Table, rows: Rows) -> Effect | None:
        [(count, new)] = rows
        before = self._before_of(table)
        said = probe.key.variant.split("=")[0] if table in self._own[probe.key.table] else ""
        change = before.compare(table.name, json.loads(new or "[]"), count=int(count or 0), said=said)
        inserted, deleted, action = change.inserted, change.deleted, probe.key.action
        if said:  # less what the statement says
            renamed = action is Action.UPDATE and said in before.key
            inserted -= answer.counts[0] if action is Action.INSERT or renamed else 0
            deleted -= answer.counts[0] if action is Action.DELETE or renamed else 0
        change = replace(change, inserted=max(inserted, 0), deleted=max(deleted, 0))
        return change if change.inserted or change.deleted or change.changed else None

    def _before_of(self, table: Table) -> _Before:
        if table.oid not in self._before:
            query = f"select to_jsonb(t.*)::text from {table.name} as t"
            with self._session.undone(), self._session.as_owner():
                read = self._session.connection.execute(query.encode()).fetchall()
            self._before[table.oid] = _Before.of(table, [json.loads(text) for (text,) in read])
        return self._before[table.oid]

    def _send(self, statement: str) -> None:
        self._session.connection.execute(statement.encode())


@dataclass(frozen=True, kw_only=True)
class _Before:
    """The rows of a table before any probe, by key; a table without a key only has a number of rows."""

    key: tuple[str, ...]
    rows: Mapping[tuple[Any, ...], Mapping[str, Any]]
    count: int

    @classmethod
    def of(cls, table: Table, rows: Sequence[Mapping[str, Any]]) -> _Before:
        key = next((index.columns for index in table.unique if table.is_named_by(index)), ())
        by_key = {tuple(row[name] for name in key): row for row in rows} if key else {}
        return cls(key=key, rows=by_key, count=len(rows))

    def compare(self, table: str, new: Sequence[Mapping[str, Any]], *, count: int, said: str) -> Effect:
        """Against the row versions of this transaction and the number of rows now; `said` does not count."""
        if not self.key:  # an update can not be told from a row that came for one that went
            inserted, deleted = max(count - self.count, 0), max(self.count - count, 0)
            return Effect(table=table, inserted=inserted, deleted=deleted, changed=len(new) - inserted)
        columns: dict[str, set[int | None]] = defaultdict(set)
        inserted = changed = 0
        for row in new:
            old = self.rows.get(tuple(row[name] for name in self.key))
            inserted += old is None
            differing = [name for name in row if old and name != said and row[name] != old[name]]
            changed += bool(differing)
            for name in differing:
                columns[name].add(_difference(old[name] if old else None, row[name]))
        return Effect(
            table=table,
            inserted=inserted,
            deleted=self.count + inserted - count,
            changed=changed,
            columns=tuple(
                (name, next(iter(by)) if len(by) == 1 else None) for name, by in sorted(columns.items())
            ),
        )


def _look(tables: Sequence[Table]) -> Iterator[str]:
    yield from _LOOK
    for table in tables:
        yield f"execute {_reading(table)}"


def _reading(table: Table) -> str:
    return f"pgassay_rows_{table.oid}"


def _difference(old: object, new: object) -> int | None:
    if isinstance(old, bool) or isinstance(new, bool):
        return None
    return new - old if isinstance(old, int) and isinstance(new, int) else None
