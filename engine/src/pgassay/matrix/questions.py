"""Which statements to try: a question for each cell, a probe for each row that may answer otherwise. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from pgassay.catalog.model import Column
from pgassay.matrix import statements
from pgassay.matrix.model import Action, Probe, RowClass
from pgassay.matrix.rows import Row
from pgassay.matrix.subject import Question, Subject

WHOLE = "-"
"""The variant that asks about the row as a whole."""

# Where a row can be moved to, from a row of the class.
_MOVES = {
    RowClass.OWN: (RowClass.OTHER, RowClass.NOBODY),
    RowClass.OTHER: (RowClass.OWN, RowClass.OTHER, RowClass.NOBODY),
    RowClass.NOBODY: (RowClass.OWN, RowClass.OTHER),
}


def ask_all(subjects: Sequence[Subject]) -> list[Question]:
    """The questions of all personas about all tables; linear in personas × columns × rows of a class."""
    questions = (question for subject in subjects for question in _ask(subject) if question)
    return list({question[0].key: question for question in questions}.values())


def _ask(subject: Subject) -> Iterator[Question]:
    table = subject.table
    if "insert" in table.writable:
        yield from ask_inserts(subject)
    for rows, some in subject.rows.items():
        yield from _ask_selects(subject, rows, some)
        if "update" in table.writable:
            for column in _updatable(subject):
                yield from _ask_updates(subject, column, rows, some)
        if "delete" in table.writable:
            deletes = [(statements.delete(table, where=subject.where(row)), row) for row in some]
            yield subject.ask(Action.DELETE, WHOLE, rows, *deletes)
    if subject.blind and subject.sample.rows:
        yield from _ask_blindly(subject)
    if not subject.sample.rows and subject.privileges.select:
        yield subject.ask(Action.SELECT, WHOLE, RowClass.NONE, (f"select from {table.name}", None))
    if table.truncatable:
        [truncate] = subject.ask(Action.TRUNCATE, WHOLE, RowClass.NONE, (f"truncate {table.name}", None))
        # All buckets at once.
        yield (replace(truncate, key=replace(truncate.key, object=table.name)),)


def _updatable(subject: Subject) -> Iterator[Column]:
    updatable = subject.table.updatable
    return (c for c in subject.sample.columns if not c.generated and c.name in updatable)


def _ask_selects(subject: Subject, rows: RowClass, some: Sequence[Row]) -> Iterator[Question]:
    """One statement for all rows, with and without each column."""
    sample, keys = subject.sample, [row.key for row in some]
    targets = {row.key: row.state for row in some}
    for name in ("", *(column.name for column in sample.columns)):
        text = statements.select(sample.table, sample.key, keys, column=name)
        [probe] = subject.ask(Action.SELECT, name or WHOLE, rows, (text, None))
        yield (replace(probe, targets=targets),)


def _ask_blindly(subject: Subject) -> Iterator[Question]:
    """Without WHERE, by a role that may not read the columns of the key."""
    table, held, (first, *_) = subject.table, subject.privileges, subject.sample.rows
    for column in subject.sample.columns:
        if column.name in held.select:
            text = f"select {column.quoted} from {table.name}"
            yield subject.ask(Action.SELECT, column.name, RowClass.ANY, (text, None))
    for column in _updatable(subject) if "update" in table.writable else ():
        if column.name in held.update:
            text = statements.update(table, column.name, _value(column, first))
            yield subject.ask(Action.UPDATE, column.name, RowClass.ANY, (text, None))
    if held.delete and "delete" in table.writable:
        yield subject.ask(Action.DELETE, WHOLE, RowClass.ANY, (statements.delete(table), None))


def _ask_updates(subject: Subject, column: Column, rows: RowClass, some: Sequence[Row]) -> Iterator[Question]:
    ownership = subject.sample.ownership
    other = [(row, _value(column, row)) for row in some]
    if ownership and column.name in ownership.columns:
        moves = [move for target in _MOVES[rows] if (move := _ask_move(subject, column, rows, some, target))]
        # Where no row tells what to write, another key of whoever it may be.
        yield from moves or [_set(subject, column, column.name, rows, other)]
    elif column.labels:
        for label in column.labels:
            to_label = [(row, statements.literal(label)) for row in some if row.values[column.name] != label]
            yield _set(subject, column, f"{column.name}={label}", rows, to_label)
    else:
        yield _set(subject, column, column.name, rows, other)


def _ask_move(
    subject: Subject, column: Column, rows: RowClass, some: Sequence[Row], target: RowClass
) -> Question:
    """Give the row to somebody else, take it, or leave it to nobody."""
    if target not in subject.classes or (target is RowClass.NOBODY and column.not_null):
        return ()
    pairs = []
    for row in some:
        value = subject.owner_value(column, target, besides=row.values[column.name])
        if (value is None) == (target is RowClass.NOBODY) and value != row.values[column.name]:
            pairs.append((row, statements.literal(value)))
    return _set(subject, column, f"{column.name}={target.value}", rows, pairs)


def _set(
    subject: Subject, column: Column, variant: str, rows: RowClass, pairs: Sequence[tuple[Row, str]]
) -> Question:
    table = subject.table
    updates = [
        (statements.update(table, column.name, value, where=subject.where(row)), row) for row, value in pairs
    ]
    return subject.ask(Action.UPDATE, variant, rows, *updates)


def _value(column: Column, row: Row) -> str:
    return statements.DEFAULT if column.identity == "a" else statements.literal(row.changed[column.name])


_CLASSES = (RowClass.OWN, RowClass.PUBLIC, RowClass.OTHER, RowClass.NOBODY)


def ask_inserts(subject: Subject) -> Iterator[Question]:
    """The whole row for each class, where another's is a forged owner; each column for the first class."""
    inserter = _Inserter(subject)
    templates = {rows: found for rows in _CLASSES if (found := inserter.templates(rows))}
    first = list(templates.items())[:1]
    for rows, some in templates.items() if inserter.names_owners else first:
        yield inserter.whole(rows, some)
    for rows, some in first:
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

    @property
    def names_owners(self) -> bool:
        """Whether the role may say whose its rows are; else a default or a trigger does, whoever is meant."""
        return not self.owning or not self.owning.isdisjoint(self.granted)

    def templates(self, rows: RowClass) -> tuple[Row, ...]:
        """Rows of the class, or else others made to be of it."""
        found = self.subject.rows.get(rows, ())
        # What a row of others would do that is made to be of the class, those others were asked.
        if found or rows not in self.subject.classes or self.subject.sample.besides:
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
                yield replace(row, values=values)

    def whole(self, rows: RowClass, some: Sequence[Row]) -> Question:
        """All columns that the role may give, but keys that have a default."""
        left = self._left_to_default
        given = [c for c in self.insertable if c.name in self.granted and c.name not in left]
        key = self.subject.key(Action.INSERT, WHOLE, rows)
        probes: dict[tuple[tuple[str, str], ...], Probe] = {}
        for row in some:
            state = {name: value for name, value in row.state.items() if any(name == c.name for c in given)}
            text = self._text({c.name: self._value(c, row) for c in given})
            probes.setdefault(tuple(state.items()), self.subject.probe(key, text, row, state=state))
        return tuple(probes.values())

    def single(self, rows: RowClass, some: Sequence[Row], column: Column) -> Question:
        """One column, besides those that a row can not do without; an enum with each label that rows have."""
        key = self.subject.key(Action.INSERT, column.name, rows)
        filled = [row for row in some if row.values[column.name] is not None] or list(some[:1])
        if not column.labels:
            return (self.subject.probe(key, self._with(column, filled[0]), filled[0], state={}),)
        by_label = {row.values[column.name] or "null": row for row in reversed(filled)}
        return tuple(
            self.subject.probe(key, self._with(column, row), row, state={column.name: label})
            for label, row in sorted(by_label.items())
        )

    def _with(self, column: Column, row: Row) -> str:
        given = [
            c
            for c in self.insertable
            if c is column
            or (c.name in self.granted and (c.name in self.owning or (c.not_null and not c.has_default)))
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
