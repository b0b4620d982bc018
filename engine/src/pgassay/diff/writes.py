"""Ordinary writes where what happens at them is another: many at once, with another's value.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice, product

from pglast import parser

from pgassay.catalog.compare import SchemaChange
from pgassay.catalog.inventory import Inventory
from pgassay.catalog.literals import find_literals
from pgassay.catalog.names import quoted
from pgassay.diff.again import first_of_each
from pgassay.diff.experiments import Experiment
from pgassay.diff.neighbourhoods import Neighbourhood, narrow
from pgassay.diff.probes import (
    SearchProbe,
    find_values,
    probe_insert,
    probe_update,
    probe_varied_insert,
)
from pgassay.diff.variations import Variation
from pgassay.matrix import statements
from pgassay.matrix.model import RowClass
from pgassay.matrix.rows import Row
from pgassay.matrix.statements import literal
from pgassay.matrix.subject import Subject, make_subjects
from pgassay.observation import Persona
from pgassay.solver.scope import Node, write

_AT_WRITES = ("trigger", "function", "rule", "constraint", "index", "column")
_COPIES = (2, 4, 8, 16, 32, 64, 128)
_DEEDS = 64
_OF_ANYBODY, _ONCE = 12, (1,)  # rows, each of which is written again
_ROWS = 3  # that get what another row has
_UNIQUE = ("UNIQUE", "CREATE UNIQUE")
_GUESSED = (*statements.TEXTS, *statements.NUMBERS, *statements.MOMENTS)  # of which others can think


def try_writes(
    around: Iterable[Neighbourhood],
    personas: Sequence[Persona],
    base: Inventory,
    head: Inventory,
) -> Iterator[Experiment]:
    """Experiments for each table of which a trigger, function, rule, constraint or column is another."""
    for one in (narrow(one, base, head) for one in around):
        if one.sample.table.stored and _concerns(one.changes, _AT_WRITES):
            subjects = make_subjects([one.sample], personas)
            yield from _experiment(one, (probe for subject in subjects for probe in _copies(subject)))
            yield from _collisions(one, subjects)
            yield from _doubles(one, subjects, base)
            yield from _guesses(one, subjects, base, head)
            yield from _takings(one, subjects)
            yield from _experiment(one, (probe for subject in subjects for probe in _others(one, subject)))
            yield from _firsts(one, subjects)
            yield from _defaults(one, subjects)


def _concerns(changes: Iterable[SchemaChange], kinds: Sequence[str]) -> bool:
    return any(change.key.kind in kinds for change in changes)


def _experiment(
    around: Neighbourhood, probes: Iterable[SearchProbe], *, setup: tuple[str, ...] = (), given: str = ""
) -> Iterator[Experiment]:
    attempts = tuple(probes)
    if attempts:
        yield Experiment(changes=around.changes, attempts=attempts, setup=setup, given=given)


def _copies(subject: Subject) -> Iterator[SearchProbe]:
    """One's own rows again, more and more in one statement: limits count, and balances end."""
    owning = subject.sample.ownership.columns if subject.sample.ownership else frozenset()
    unique = {name for index in subject.table.unique for name in index.columns} - owning
    empty = {name: None for name in unique if not subject.table.columns[name].not_null}
    # Who has no id writes rows of anybody, each once, under another name.
    empty = empty if subject.persona.id else {}
    rows = subject.rows.get(RowClass.OWN, ()) if subject.persona.id else subject.sample.rows[:_OF_ANYBODY]
    for row in rows:
        copy = replace(row, values={**row.values, **empty}, changed={**row.changed, **empty})
        alone = replace(subject, sample=replace(subject.sample, rows=(copy,)))
        for probe in islice(probe_insert(alone), 1):
            for text in _repeat(probe.witness.statement, _COPIES if subject.persona.id else _ONCE):
                yield replace(probe, witness=replace(probe.witness, statement=text))


def _repeat(insert: str, numbers: Iterable[int]) -> Iterator[str]:
    """The statement with its one row so many times."""
    [raw] = parser.parse_sql(insert)
    statement: Node = raw.stmt
    rows: Node = statement.selectStmt
    once, row = write(statement), write(rows).removeprefix("VALUES")
    for number in numbers:
        yield once + f",{row}" * (number - 1)


def _collisions(around: Neighbourhood, subjects: Sequence[Subject]) -> Iterator[Experiment]:
    """A value of another's row in one's own: whoever compares them may tell of the other."""
    for subject in subjects:
        own, others = (subject.rows.get(rows, ()) for rows in (RowClass.OWN, RowClass.OTHER))
        for column in subject.sample.columns if own else ():
            name = column.name
            is_meant = name in around.literals.words and name not in subject.sample.key
            for other in others[:1] if is_meant and not column.generated else ():
                value = other.changed[name] if other.values[name] is None else other.values[name]
                theirs = Variation(sample=subject.sample, row=other, values={name: value})
                yield from _experiment(
                    around,
                    chain.from_iterable(_with_value(subject, row, name, value) for row in own),
                    setup=theirs.setup if other.values[name] is None else (),
                    given=str(theirs),
                )


def _doubles(around: Neighbourhood, subjects: Sequence[Subject], base: Inventory) -> Iterator[Experiment]:
    """What BASE may have once, in two rows: all that its index or constraint is about."""
    columns = around.sample.table.columns.keys()
    for change in around.changes:
        definition = base.objects.get(change.key, {}).get("definition", "")
        if change.key.object != around.sample.object or not definition.startswith(_UNIQUE):
            continue
        names = sorted(find_literals([definition]).words & columns)
        for subject in subjects if names else ():
            yield from _experiment(around, _double(subject, names))


def _guesses(
    around: Neighbourhood, subjects: Sequence[Subject], base: Inventory, head: Inventory
) -> Iterator[Experiment]:
    """What another's row has in one's own, where HEAD alone refuses it: who may not read it learns of it."""
    columns = around.sample.table.columns
    for change in around.changes:
        definition = head.objects.get(change.key, {}).get("definition", "")
        former = base.objects.get(change.key, {}).get("definition", "")
        if change.key.object != around.sample.object or not definition.startswith(_UNIQUE):
            continue
        names = sorted(find_literals([definition]).words & columns.keys())
        if former != definition and any(columns[name].base in _GUESSED for name in names):
            for subject in subjects:
                probes = (replace(probe, guesses=tuple(said)) for probe, said in _guess(subject, names))
                yield from _experiment(around, probes)


def _guess(subject: Subject, names: Sequence[str]) -> Iterator[tuple[SearchProbe, list[str]]]:
    """Statements with which one's own row has all that another's has in these columns, and what that is."""
    for other in subject.rows.get(RowClass.OTHER, ())[:_OF_ANYBODY]:
        alone = replace(subject.sample, rows=(*subject.rows.get(RowClass.OWN, ())[:1], other))
        said = [text for name in names if (text := other.values[name])]
        yield from ((probe, said) for probe in _double(replace(subject, sample=alone), names))


def _double(subject: Subject, names: Sequence[str]) -> Iterator[SearchProbe]:
    """One's own row, or of who has none any row, with these values of another row."""
    sample, held = subject.sample, subject.privileges
    rows = subject.rows.get(RowClass.OWN, ()) if subject.persona.id else sample.rows
    for row in rows[:_ROWS]:
        for other in (one for one in sample.rows[:_OF_ANYBODY] if one is not row):
            values = {name: other.values[name] for name in names}
            if None in values.values() or all(row.values[name] == values[name] for name in names):
                continue
            double = Variation(sample=sample, row=row, values=values)
            if "update" in subject.table.writable and held.update.issuperset(names):
                yield probe_update(subject, names, double.update)
            alone = replace(subject, sample=replace(sample, rows=(double.varied,)))
            yield from islice(probe_insert(alone), 1 if held.insert.issuperset(names) else 0)


def _others(around: Neighbourhood, subject: Subject) -> Iterator[SearchProbe]:
    """Of who has no id, rows like those that are there, each but for one column that the change names."""
    sample = subject.sample
    names = around.literals.words & subject.privileges.insert & subject.table.updatable
    columns = [one for one in sample.columns if one.name in names.difference(sample.key) and not one.labels]
    for row in first_of_each(sample, sample.rows) if subject.persona.id is None else ():
        for name in (one.name for one in columns if row.changed[one.name] != row.values[one.name]):
            other = Variation(sample=sample, row=row, values={name: row.changed[name]})
            yield from islice(probe_varied_insert(subject, other), 1)


def _takings(around: Neighbourhood, subjects: Sequence[Subject]) -> Iterator[Experiment]:
    """One's own id in another's place, in a row that names both: once it does."""
    owners = around.sample.ownership.direct if around.sample.ownership else frozenset()
    for subject in subjects if len(owners) > 1 else ():
        id_, held = subject.persona.id, subject.privileges.update & subject.table.updatable
        for name, row in product(sorted(owners & held), subject.rows.get(RowClass.OWN, ())[:1]):
            others = (one.values[name] for one in around.sample.rows if one.values[name] not in (None, id_))
            both = Variation(sample=around.sample, row=row, values={name: next(others, None)})
            if id_ and both.values[name] and any(row.values[one] == id_ for one in owners - {name}):
                text = statements.update(subject.table, name, literal(id_), where=subject.where(row))
                probe = probe_update(subject, (name,), text)
                yield from _experiment(around, [probe], setup=both.setup, given=str(both))


def _firsts(around: Neighbourhood, subjects: Sequence[Subject]) -> Iterator[Experiment]:
    """One's own row, once it is gone, goes in with another value in each column that the change names."""
    for name in sorted(around.literals.words & around.sample.table.columns.keys()):
        for subject in subjects:
            yield from _first(around, subject, name)


def _first(around: Neighbourhood, subject: Subject, name: str) -> Iterator[Experiment]:
    sample, table = subject.sample, subject.table
    owning = sample.ownership.columns if sample.ownership else frozenset()
    if name not in subject.privileges.insert & table.updatable or name in owning.union(sample.key):
        return
    for row in subject.rows.get(RowClass.OWN, ())[:1]:
        value = row.changed[name]
        other = Variation(sample=sample, row=row, values={name: value})
        alone = replace(subject, sample=replace(sample, rows=(other.varied,)))
        where = f"{statements.condition(sample.key, row.key)} and {quoted(name)} = {literal(value)}"
        probes = islice(probe_insert(alone, looks=[f"select * from {table.name} where {where}"]), 1)
        yield from _experiment(
            around,
            (replace(probe, values=()) for probe in probes),  # what was put in its place tells of nobody
            setup=(statements.delete(table, where=subject.where(row)),),
            given=f"no row of {sample.object} where {subject.where(row)} yet",
        )


def _defaults(around: Neighbourhood, subjects: Sequence[Subject]) -> Iterator[Experiment]:
    """A row in one's own name, once one's own is gone, where one may not write what has another default."""
    names = {
        one.key.name
        for one in around.changes
        if one.key.kind == "column" and one.property == "default" and one.key.object == around.sample.object
    }
    for subject in subjects:
        own = subject.rows.get(RowClass.OWN, ())[:1]
        for row in (own or subject.sample.rows[:1]) if names - subject.privileges.insert else ():
            alone = replace(subject, sample=replace(subject.sample, rows=(row,)))
            where = " or ".join(f"({subject.where(one)})" for one in subject.rows.get(RowClass.OWN, ()))
            yield from _experiment(
                around,
                (replace(one, values=tuple(find_values(subject))) for one in probe_insert(alone)),
                setup=(statements.delete(subject.table, where=where),) if where else (),
                given=f"no row of {subject.persona.name}'s in {around.sample.object} yet",
            )


def _with_value(subject: Subject, row: Row, name: str, value: str | None) -> Iterator[SearchProbe]:
    table = subject.table
    left = tuple(find_values(subject))
    if "update" in table.writable and name in subject.privileges.update & table.updatable:
        text = statements.update(table, name, literal(value), where=subject.where(row))
        yield replace(probe_update(subject, (name,), text), values=left)
    varied = replace(row, values={**row.values, name: value})
    alone = replace(subject, sample=replace(subject.sample, rows=(varied,)))
    for probe in islice(probe_insert(alone), 1) if name in subject.privileges.insert else ():
        yield replace(probe, values=left)
