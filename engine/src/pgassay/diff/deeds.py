"""Ordinary deeds, so that what happens at them happens: rows that come, change and go. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product, zip_longest

from pgassay.catalog.model import Column
from pgassay.diff.again import first_of_each, first_of_roles
from pgassay.diff.canaries import Filled, fill, write_own
from pgassay.diff.neighbourhoods import Neighbourhood
from pgassay.diff.probes import SearchProbe
from pgassay.diff.variations import Variation
from pgassay.matrix import statements
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import AS_OWNER, become, literal
from pgassay.matrix.subject import Subject, make_subjects
from pgassay.observation import Persona

_ROWS = 2
_ARRIVING = 8  # rows that come again


@dataclass(frozen=True, kw_only=True)
class Deed:
    """What the owner, or a persona in a request of its own, does; also in words.

    `filled`: what it writes that nobody else has.
    """

    statements: tuple[str, ...]
    given: str
    filled: tuple[Filled, ...] = ()


def list_deeds(around: Neighbourhood, personas: Sequence[Persona]) -> Iterator[Deed]:
    """Writes to one table: of the backend's, which the owner makes, and of each kind of user's; in turn."""
    subjects = first_of_roles(make_subjects([around.sample], personas))
    kinds = [_steps(around), _arrivals(around), _own(subjects), _touches(around), _removals(around)]
    for in_turn in zip_longest(*kinds):
        yield from filter(None, in_turn)


def call(attempt: SearchProbe) -> Deed:
    """A persona's statement as something that was done before."""
    witness = attempt.witness
    return Deed(
        statements=(*become(witness.persona), witness.statement, AS_OWNER),
        given=f"{witness.persona.name} ran {witness.statement}",
    )


def _steps(around: Neighbourhood) -> Iterator[Deed]:
    """A row takes each step, first those that the change names.

    One that is there already steps back first, without triggers: it has whatever the step needs.
    """
    sample, literals = around.sample, around.literals
    for column in sample.columns:
        labels = column.labels if column.name in literals.words else ()
        named = [label for label in labels if label in literals.strings]
        for label in named:
            for row in sample.rows:
                step = _set(sample, row, column, label)
                if row.values[column.name] != label:
                    yield Deed(statements=(step.update,), given=str(step))
                    continue
                for before in (one for one in labels if one != label):
                    back = _set(sample, row, column, before)
                    yield Deed(statements=(*back.setup, step.update), given=f"{back}, and then {label}")
        for row in first_of_each(sample, sample.rows):
            for label in (one for one in labels if one not in named and one != row.values[column.name]):
                step = _set(sample, row, column, label)
                yield Deed(statements=(step.update,), given=str(step))


def _set(sample: Sample, row: Row, column: Column, value: str | None) -> Variation:
    return Variation(sample=sample, row=row, values={column.name: value})


def _arrivals(around: Neighbourhood) -> Iterator[Deed]:
    """Rows like those that are there, with all that these have, or with no more than a row needs.

    And with texts that nobody else has, where the change names a text.
    """
    sample = around.sample
    filled = tuple(fill([sample], around.literals.words, empty=None))
    owning = sample.ownership.columns if sample.ownership else frozenset()
    unique = {name for index in sample.table.unique for name in index.columns}
    of_each = {row.owners: row for row in reversed(sample.rows)}.values()
    rows = {row.key: row for row in (*of_each, *first_of_each(sample, sample.rows))}.values()
    for row in islice(rows, _ARRIVING):
        removals = ((), _take_out(sample, row)) if unique & owning else ((),)
        for is_whole, gone in product((True, False), removals):
            values = {
                column.name: (row.changed if column.name in unique - owning else row.values)[column.name]
                for column in sample.table.columns.values()
                if not column.generated and not column.identity
                if column.name in owning
                or (column.not_null and not column.has_default)
                or (is_whole and column.name not in unique)
            }
            how = "as it is" if is_whole else "with no more than it needs"
            given = f"a row of {sample.object} like that where {_where(sample, row)}"
            yield Deed(
                statements=(*gone, statements.insert(sample.table, values, overriding=False)),
                given=f"{given}, {how}",
            )
            told = {one.column.name: one.text_of(row) for one in filled if is_whole}
            if told:
                names = " and ".join(f"{name} = {literal(text)}" for name, text in told.items())
                insert = statements.insert(sample.table, values | told, overriding=False)
                yield Deed(statements=(*gone, insert), given=f"{given}, with {names}", filled=filled)


def _take_out(sample: Sample, row: Row) -> tuple[str, ...]:
    """What stands in the way of another row of the same user's goes first, without triggers."""
    table = sample.table.name
    return (
        f"alter table {table} disable trigger user",
        statements.delete(sample.table, where=_where(sample, row)),
        f"alter table {table} enable trigger user",
    )


def _own(subjects: Sequence[Subject]) -> Iterator[Deed]:
    """One user of each role writes his own rows."""
    return (call(probe) for subject in subjects for probe in write_own(subject))


def _touches(around: Neighbourhood) -> Iterator[Deed]:
    sample = around.sample
    for column in sample.columns:
        if column.name in sample.key or column.generated or column.labels:
            continue
        for row in sample.rows[:_ROWS]:
            touch = _set(sample, row, column, row.changed[column.name])
            yield Deed(statements=(touch.update,), given=str(touch))


def _removals(around: Neighbourhood) -> Iterator[Deed]:
    sample = around.sample
    for row in sample.rows[:_ROWS]:
        where = _where(sample, row)
        yield Deed(
            statements=(statements.delete(sample.table, where=where),),
            given=f"no row of {sample.object} where {where}",
        )


def _where(sample: Sample, row: Row) -> str:
    return statements.condition(sample.key, row.key)
