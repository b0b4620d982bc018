"""Which statements to try: a question for each cell, a probe for each row that may answer otherwise. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pgassay.catalog.model import Column
from pgassay.matrix import statements
from pgassay.matrix.inserts import plan_inserts
from pgassay.matrix.model import Action, Gap, Probe, RowClass, Witness
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.subject import Question, Subject
from pgassay.observation import Persona

WHOLE = "-"
"""The variant that asks about the row as a whole."""

# Where a row can be moved to, from a row of the class.
_MOVES = {
    RowClass.OWN: (RowClass.OTHER, RowClass.NOBODY),
    RowClass.OTHER: (RowClass.OWN, RowClass.OTHER, RowClass.NOBODY),
    RowClass.NOBODY: (RowClass.OWN, RowClass.OTHER),
}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to ask, and what can not be asked for want of a row."""

    questions: tuple[Question, ...]
    gaps: tuple[Gap, ...]


def plan_matrix(samples: Sequence[Sample], personas: Sequence[Persona]) -> Plan:
    """The questions of all personas about all tables; linear in personas × columns × rows of a class."""
    ids = [persona.id for persona in personas if persona.id is not None]
    subjects = [
        Subject(sample=sample, persona=persona, others=tuple(i for i in ids if i != persona.id))
        for persona in personas
        for sample in samples
    ]
    questions = {question.key: question for subject in subjects for question in _ask(subject)}
    return Plan(
        questions=tuple(questions.values()), gaps=tuple(gap for subject in subjects for gap in subject.gaps())
    )


def _ask(subject: Subject) -> Iterator[Question]:
    table = subject.table
    yield from _plan_selects(subject)
    if "insert" in table.writable:
        yield from plan_inserts(subject)
    if "update" in table.writable:
        yield from _plan_updates(subject)
    if "delete" in table.writable:
        yield from _plan_deletes(subject)
    if table.truncatable:
        # All buckets at once.
        key = replace(subject.key(Action.TRUNCATE, WHOLE, RowClass.NONE), object=table.name)
        yield subject.ask(key, statements.truncate(table))


def _plan_selects(subject: Subject) -> Iterator[Question]:
    for rows, some in subject.rows.items():
        for name in ("", *(column.name for column in subject.sample.columns)):
            key = subject.key(Action.SELECT, name or WHOLE, rows)
            text = statements.select(
                subject.table, subject.sample.key, [row.key for row in some], column=name
            )
            probe = Probe(
                key=key,
                table=subject.table.name,
                witness=Witness(persona=subject.persona, statement=text),
                targets={row.key: row.state for row in some},
            )
            yield Question(key=key, probes=(probe,))
    for column in subject.sample.columns:
        if subject.blind and subject.sample.rows and column.name in subject.privileges.select:
            key = subject.key(Action.SELECT, column.name, RowClass.ANY)
            yield subject.ask(key, statements.select_blindly(subject.table, column.name))


def _plan_updates(subject: Subject) -> Iterator[Question]:
    for column in subject.sample.columns:
        if column.generated or column.name not in subject.table.updatable:
            continue
        for rows, some in subject.rows.items():
            yield from _plan_update(subject, column, rows, some)
        if subject.blind and subject.sample.rows and column.name in subject.privileges.update:
            key = subject.key(Action.UPDATE, column.name, RowClass.ANY)
            value = _value(column, subject.sample.rows[0])
            yield subject.ask(key, statements.update(subject.table, column.name, value))


def _plan_update(subject: Subject, column: Column, rows: RowClass, some: Sequence[Row]) -> Iterator[Question]:
    ownership = subject.sample.ownership
    if ownership and column.name in ownership.columns:
        moves = [move for target in _MOVES[rows] for move in _plan_move(subject, column, rows, some, target)]
        # Where no row tells what to write, another key of whoever it may be.
        yield from moves or _set(
            subject, column, column.name, rows, [(row, _value(column, row)) for row in some]
        )
    elif column.labels:
        for label in column.labels:
            others = [row for row in some if row.values[column.name] != label]
            value = statements.literal(label)
            yield from _set(subject, column, f"{column.name}={label}", rows, [(r, value) for r in others])
    else:
        yield from _set(subject, column, column.name, rows, [(row, _value(column, row)) for row in some])


def _plan_move(
    subject: Subject, column: Column, rows: RowClass, some: Sequence[Row], target: RowClass
) -> Iterator[Question]:
    """Give the row to somebody else, take it, or leave it to nobody."""
    if target not in subject.classes or (target is RowClass.NOBODY and column.not_null):
        return
    pairs = []
    for row in some:
        value = subject.owner_value(column, target, besides=row.values[column.name])
        if (value is None) == (target is RowClass.NOBODY) and value != row.values[column.name]:
            pairs.append((row, statements.literal(value)))
    yield from _set(subject, column, f"{column.name}={target.value}", rows, pairs)


def _set(
    subject: Subject, column: Column, variant: str, rows: RowClass, pairs: Sequence[tuple[Row, str]]
) -> Iterator[Question]:
    key = subject.key(Action.UPDATE, variant, rows)
    named = subject.sample.key
    probes = tuple(
        subject.probe(
            key,
            statements.update(subject.table, column.name, value, where=statements.condition(named, row.key)),
            row,
        )
        for row, value in pairs
    )
    if probes:
        yield Question(key=key, probes=probes)


def _value(column: Column, row: Row) -> str:
    return statements.DEFAULT if column.identity == "a" else statements.literal(row.changed[column.name])


def _plan_deletes(subject: Subject) -> Iterator[Question]:
    for rows, some in subject.rows.items():
        key = subject.key(Action.DELETE, WHOLE, rows)
        yield Question(
            key=key,
            probes=tuple(
                subject.probe(
                    key,
                    statements.delete(subject.table, where=statements.condition(subject.sample.key, row.key)),
                    row,
                )
                for row in some
            ),
        )
    if subject.blind and subject.sample.rows and subject.privileges.delete:
        key = subject.key(Action.DELETE, WHOLE, RowClass.ANY)
        yield subject.ask(key, statements.delete(subject.table))
