"""What a write leaves in other tables, where functions that it calls are others: balances, debts. Pure.

Words that only one side says stand in the row that is written, or in one's own rows nearby; and rows that the
world lacks are there: what a function does with debts shows where somebody owes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

from pgassay.catalog.inventory import Inventory, follow
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column
from pgassay.catalog.tables import Table
from pgassay.diff.again import copy, first_of_each, first_of_roles, inserts, moves
from pgassay.diff.experiments import Experiment
from pgassay.diff.metadata import nest
from pgassay.diff.neighbourhoods import OF_WRITES, Neighbourhood, bodies, find_called, said_by
from pgassay.diff.probes import SearchProbe
from pgassay.diff.variations import Variation
from pgassay.diff.weights import Scales
from pgassay.matrix import statements
from pgassay.matrix.model import RowClass
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import NUMBERS, TEXTS
from pgassay.matrix.subject import Subject, make_subjects
from pgassay.observation import Persona
from pgassay.solver.patterns import like, matching

Make = Callable[
    [str, Mapping[str, str], Sequence[Mapping[str, str | None]], Collection[str]],
    Iterator[tuple[str, tuple[str, ...]]],
]
"""Rows of a table with certain values, and words that are not there: in words, and the owner's statements."""

Sift = Callable[[Experiment], tuple[SearchProbe, ...]]
"""The attempts that one of the sides lets through."""

_Said = TypeVar("_Said")
_DOCUMENTS = ("json", "jsonb")
_REGULAR = frozenset("^$[](|\\*+")
_TEXTS = 6  # that only one side says
_NUMBERS = 3
_COLUMNS = 4  # of those that somebody writes, where the change names none
_LONGEST = 1000
_ROWS = 2
_FEW, _ONE_OR_NONE = "3", ("0", "1")


def try_elsewhere(  # noqa: PLR0913 - by name
    around: Iterable[Neighbourhood],
    samples: Sequence[Sample],
    personas: Sequence[Persona],
    *,
    base: Inventory,
    head: Inventory,
    scales: Scales,
    make: Make,
    sift: Sift,
) -> Iterator[Experiment]:
    """Experiments for each table of which functions are others; what it leaves is weighed."""
    for one in around:
        called = tuple(change for change in one.changes if change.key.kind in OF_WRITES)
        if not one.sample.table.stored or not called:
            continue
        said = [find_literals(said_by(called, side)) for side in (head, base)]
        strings = _find_alone(*(one.strings for one in said))
        digits = (text for text in _find_alone(*(one.numbers for one in said)) if text.isdecimal())
        numbers = tuple(number for number in map(int, digits) if 1 < number <= _LONGEST)[:_NUMBERS]
        functions = find_called(called, base, head)
        near = frozenset(
            name
            for side in (base, head)
            for f in functions
            for used in side.reach(f)
            for name in (used, *side.feeds.get(used, ()))
        )
        fed = frozenset(name for side in (base, head) for f in functions for name in follow(side.needs, f))
        there = {sample.table.name: sample for sample in samples if sample.table.stored}
        weighing = _Weighing(
            around=replace(one, changes=called),
            scales=scales.only(fed | near),
            texts=tuple(dict.fromkeys(_find_texts(strings, numbers))),
            numbers=numbers,
            paths=tuple(_find_alone(*(one.paths for one in said)))[:_NUMBERS],
            words=frozenset(find_literals([t for side in (base, head) for t in bodies(near, side)]).strings),
            looked=said[0].words | said[1].words,
            holders=frozenset(
                (s.table.name, column) for s in samples if s.ownership for column in s.ownership.direct
            ),
            sift=sift,
            near=tuple(there[name] for name in sorted(near & there.keys()) if name != one.sample.table.name),
        )
        if weighing.scales.tables:
            yield from weighing.try_all(make_subjects([one.sample], personas), make)


def _find_alone(one: Sequence[_Said], other: Sequence[_Said]) -> list[_Said]:
    """What only one of them has."""
    return [said for said in (*one, *other) if (said in one) != (said in other)]


def _find_texts(strings: Iterable[str], numbers: Iterable[int]) -> Iterator[str]:
    """Texts that are, match or outgrow these."""
    for text in islice(strings, _TEXTS):
        yield text
        yield from islice(like(text), 1) if "%" in text or "_" in text else ()
        yield from islice(matching(text), 1) if not _REGULAR.isdisjoint(text) else ()
    yield from ("x" * (number + 1) for number in numbers)


@dataclass(frozen=True, kw_only=True)
class _Weighing:
    """Writes to one table, after each of which the owner weighs others.

    `texts`, `numbers` and `paths` are said by one side alone, `words` somewhere; `looked` is all that the
    functions name, `near` other tables among it, `holders` columns that say whose a row is.
    """

    around: Neighbourhood
    scales: Scales
    texts: tuple[str, ...]
    numbers: tuple[int, ...]
    paths: tuple[tuple[str, ...], ...]
    words: frozenset[str]
    looked: frozenset[str]
    near: tuple[Sample, ...]
    holders: frozenset[tuple[str | None, str]]
    sift: Sift

    def try_all(self, subjects: Sequence[Subject], make: Make) -> Iterator[Experiment]:
        yield from self._say(subjects)
        yield from self._say_nearby(subjects)
        yield from self._crowd(subjects)
        yield from self._grow(subjects)
        yield from self._owe(subjects, make)
        yield from self._drain(subjects)

    def _say(self, subjects: Sequence[Subject]) -> Iterator[Experiment]:
        """The words stand in the row that is written."""
        marked = list(self._marked(self.around.sample))
        if not any(column.base in TEXTS for column, _ in marked):
            held = frozenset(
                name for one in subjects for name in one.privileges.insert | one.privileges.update
            )
            columns = [c for c in self.around.sample.columns if c.name in held and c.base in TEXTS]
            marked += [(column, self.texts) for column in columns[:_COLUMNS] if not column.labels]
        for column, values in marked:
            for value in values:
                said = {column.name: value}
                probes = (probe for one in subjects for probe in (*inserts(one, said), *moves(one, said)))
                yield from self._experiment(probes)

    def _say_nearby(self, subjects: Sequence[Subject]) -> Iterator[Experiment]:
        """They stand in another row that is whoever writes', or where he may not write them himself."""
        for subject in first_of_roles(subjects):
            probes = self._let_through([*inserts(subject, {}), *moves(subject, {})])
            for sample in (self.around.sample, *self.near) if probes else ():
                rows = [row for row in sample.rows if subject.persona.id in row.owners]
                for column, values in self._marked(sample):
                    if sample is self.around.sample and column.name in subject.privileges.update:
                        continue
                    for row in rows[:_ROWS]:
                        for value in (value for value in values if value != row.values[column.name]):
                            said = Variation(sample=sample, row=row, values={column.name: value})
                            yield from self._experiment(probes, said.setup, str(said))

    def _crowd(self, subjects: Sequence[Subject]) -> Iterator[Experiment]:
        """As many of one's own rows are there already as a number says that is another."""
        for subject in first_of_roles(subjects) if self.numbers else ():
            probes = self._let_through([*inserts(subject, {}), *moves(subject, {})])
            for row in first_of_each(subject.sample, subject.rows.get(RowClass.OWN, ())) if probes else ():
                for number in self.numbers:
                    setup = copy(subject.sample, row, number)
                    given = f"{number} rows of {subject.sample.object} like that where {subject.where(row)}"
                    yield from self._experiment(probes, setup, given)

    def _let_through(self, probes: Sequence[SearchProbe]) -> tuple[SearchProbe, ...]:
        """Those that either side lets through as things are."""
        plain = Experiment(changes=self.around.changes, attempts=tuple(probes))
        return self.sift(plain) if probes else ()

    def _grow(self, subjects: Sequence[Subject]) -> Iterator[Experiment]:
        """What is one or nothing in one's own rows is a few: of one, the half that is rounded up is one."""
        sample, words = self.around.sample, self.around.literals.words
        for subject in first_of_roles(subjects):
            probes = self._let_through([*moves(subject, {})])
            rows = [row for row in sample.rows if subject.persona.id in row.owners] if probes else []
            for column in (one for one in sample.columns if one.base in NUMBERS and one.name in words):
                few = [
                    f"({subject.where(row)})"
                    for row in rows
                    if column.name not in sample.key and row.values[column.name] in _ONE_OR_NONE
                ]
                setup = (
                    f"alter table {sample.table.name} disable trigger user",
                    statements.update(sample.table, column.name, _FEW, where=" or ".join(few)),
                    f"alter table {sample.table.name} enable trigger user",
                )
                if few:
                    yield from self._experiment(
                        probes, setup, f"{column.name} = {_FEW} in rows of {sample.object}"
                    )

    def _owe(self, subjects: Sequence[Subject], make: Make) -> Iterator[Experiment]:
        """There are rows of a user such as he has none of, whoever writes then."""
        for subject in first_of_roles(subjects):
            whose = subject.persona.id or ""
            probes = self._let_through([probe for one in subjects for probe in moves(one, {}, of=whose)])
            for sample in self.near if probes else ():
                for column in islice(self._naming(sample.table), 1):
                    there = [row.values for row in sample.rows if row.values.get(column) == whose]
                    for given, setup in make(sample.table.name, {column: whose}, there, self.words):
                        yield from self._experiment(probes, setup, given)

    def _drain(self, subjects: Sequence[Subject]) -> Iterator[Experiment]:
        """What rows of a user count and the functions look at is nothing, whoever writes then."""
        for subject in first_of_roles(subjects):
            whose = subject.persona.id or ""
            probes = self._let_through([probe for one in subjects for probe in moves(one, {}, of=whose)])
            for sample in (*self.near, self.around.sample) if probes else ():
                rows = [row for row in sample.rows if whose in row.owners][:_ROWS]
                columns = [one for one in sample.columns if one.base in NUMBERS and one.name in self.looked]
                for column in columns if rows else ():
                    drained = [Variation(sample=sample, row=row, values={column.name: "0"}) for row in rows]
                    setup = tuple(text for one in drained for text in one.setup)
                    yield from self._experiment(probes, setup, " and ".join(map(str, drained)))

    def _naming(self, table: Table) -> Iterator[str]:
        """The columns that refer to a table of users."""
        for key in table.foreign_keys:
            targets = zip(key.columns, key.target_columns, strict=True)
            yield from (column for column, target in targets if (key.target, target) in self.holders)

    def _marked(self, sample: Sample) -> Iterator[tuple[Column, Sequence[str]]]:
        """Columns that the change itself names, with values that may matter to it."""
        listed = self.scales.listed.get(sample.table.name, {})
        for column in sample.columns:
            if column.name not in self.around.marked or column.generated or column.name in sample.key:
                continue
            if column.labels or column.name in listed:
                yield column, column.labels or listed[column.name]
            elif column.base in TEXTS:
                yield column, self.texts
            elif column.base in _DOCUMENTS:
                said = (*self.texts, *self.numbers, True)
                yield column, [json.dumps(nest(path, one)) for path in self.paths for one in said]
            elif column.base == "bool":
                yield column, ("true", "false")
            elif column.base in NUMBERS:
                yield column, tuple(str(n + step) for n in self.numbers for step in (0, 1, -1))

    def _experiment(
        self, probes: Iterable[SearchProbe], setup: tuple[str, ...] = (), given: str = ""
    ) -> Iterator[Experiment]:
        attempts = tuple(filter(None, map(self.scales.put, probes)))
        if attempts:
            yield Experiment(changes=self.around.changes, attempts=attempts, setup=setup, given=given)
