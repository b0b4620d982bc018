"""INSERT: a copy of a row of the class, with fresh values where a duplicate would be refused. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from pgassay.catalog.model import Column
from pgassay.matrix import statements
from pgassay.matrix.model import Action, Probe, RowClass
from pgassay.matrix.rows import Row
from pgassay.matrix.subject import Question, Subject

_CLASSES = (RowClass.OWN, RowClass.PUBLIC, RowClass.OTHER, RowClass.NOBODY)


def plan_inserts(subject: Subject) -> Iterator[Question]:
    """The whole row for each class, where another's is a forged owner; each column for the first class."""
    inserter = _Inserter(subject)
    templates = {rows: found for rows in _CLASSES if (found := inserter.templates(rows))}
    for rows, some in templates.items():
        yield inserter.whole(rows, some)
    for rows, some in list(templates.items())[:1]:
        for column in inserter.insertable:
            if column in subject.sample.columns:
                yield inserter.single(rows, some, column)


@dataclass(frozen=True)
class _Inserter:
    subject: Subject

    @cached_property
    def insertable(self) -> tuple[Column, ...]:
        table = self.subject.table
        return tuple(c for c in table.columns.values() if not c.generated and c.name in table.updatable)

    @cached_property
    def granted(self) -> frozenset[str]:
        """The columns that the role may give; all where it may give none, so that this is what refuses."""
        return self.subject.privileges.insert or frozenset(column.name for column in self.insertable)

    @cached_property
    def owning(self) -> frozenset[str]:
        ownership = self.subject.sample.ownership
        return ownership.columns if ownership else frozenset()

    def templates(self, rows: RowClass) -> tuple[Row, ...]:
        """Rows of the class, or else others made to be of it."""
        found = self.subject.rows.get(rows, ())
        if found or rows not in self.subject.classes:
            return found
        return tuple(self._made(rows, self.subject.sample.rows))

    def _made(self, rows: RowClass, some: Sequence[Row]) -> Iterator[Row]:
        ownership = self.subject.sample.ownership
        if ownership is None or not ownership.columns or ownership.columns != ownership.direct:
            return
        for row in some[:1]:
            values: dict[str, str | None] = dict(row.values)
            for name in ownership.columns:
                values[name] = self.subject.owner_value(self.subject.table.columns[name], rows, besides=None)
            if rows is RowClass.NOBODY or all(values[name] for name in ownership.columns):
                yield Row(key=row.key, owners=row.owners, state=row.state, values=values, changed=row.changed)

    def whole(self, rows: RowClass, some: Sequence[Row]) -> Question:
        """All columns that the role may give, but keys that have a default."""
        left = self._left_to_default
        given = [c for c in self.insertable if c.name in self.granted and c.name not in left]
        key = self.subject.key(Action.INSERT, "-", rows)
        probes: dict[tuple[tuple[str, str], ...], Probe] = {}
        for row in some:
            state = {name: value for name, value in row.state.items() if any(name == c.name for c in given)}
            text = self._text({c.name: self._value(c, row) for c in given})
            probes.setdefault(tuple(state.items()), self.subject.probe(key, text, row, state=state))
        return Question(key=key, probes=tuple(probes.values()))

    def single(self, rows: RowClass, some: Sequence[Row], column: Column) -> Question:
        """One column, besides those that a row can not do without; an enum with each label that rows have."""
        key = self.subject.key(Action.INSERT, column.name, rows)
        filled = [row for row in some if row.values[column.name] is not None] or list(some[:1])
        if not column.labels:
            return self.subject.ask(key, self._with(column, filled[0]), filled[0])
        by_label = {row.values[column.name] or "null": row for row in reversed(filled)}
        probes = (
            self.subject.probe(key, self._with(column, row), row, state={column.name: label})
            for label, row in sorted(by_label.items())
        )
        return Question(key=key, probes=tuple(probes))

    def _with(self, column: Column, row: Row) -> str:
        given = [
            c
            for c in self.insertable
            if c is column or (c.name in self.granted and (c.name in self.owning or _is_required(c)))
        ]
        values = {c.name: self._value(c, row) for c in given}
        if values[column.name] is None:
            values[column.name] = row.changed[column.name]
        return self._text(values)

    def _text(self, values: Mapping[str, str | None]) -> str:
        columns = self.subject.table.columns
        overriding = any(columns[name].identity == "a" for name in values)
        return statements.insert(self.subject.table, values, overriding=overriding)

    def _value(self, column: Column, row: Row) -> str | None:
        return (row.changed if column.name in self._fresh else row.values)[column.name]

    @cached_property
    def _left_to_default(self) -> frozenset[str]:
        return frozenset(
            name
            for index in self.subject.table.unique
            for name in index.columns
            if self.subject.table.columns[name].has_default and name not in self.owning
        )

    @cached_property
    def _fresh(self) -> frozenset[str]:
        """Of each unique index one column that is neither the owner's, nor a foreign key, nor an enum."""
        table = self.subject.table
        fixed = self.owning | {name for key in table.foreign_keys for name in key.columns}
        chosen = set()
        for index in table.unique:
            free = [name for name in index.columns if name not in fixed and not table.columns[name].labels]
            chosen.update(free[-1:])
        return frozenset(chosen)


def _is_required(column: Column) -> bool:
    return column.not_null and not column.has_default
