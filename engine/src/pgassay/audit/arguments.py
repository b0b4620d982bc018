"""Arguments of functions: those that the solver found, keys of rows, what bodies compare with, nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import chain, islice, product
from math import prod

from pgassay.audit.calls import references, samples_of
from pgassay.audit.mixing import mix
from pgassay.audit.scene import Scene, Solved
from pgassay.audit.solved import solve_arguments, spell_rows
from pgassay.audit.writes import DOCUMENTS, documents
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Constraint, Function
from pgassay.diff.variations import candidates
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import TEXTS

CALLS = 48
"""How many lists of arguments are tried of a function."""
_VALUES = 8
_BESIDES = 3  # lists with the same solved arguments
_FILLED = 2  # lists that come before those with nulls, which are made of them
_LISTED = 4  # texts of what CHECKs list


def argument_lists(scene: Scene, function: Function) -> list[tuple[str | None, ...]]:
    """Those that the solver found, then some of all lists; see `count_lists`."""
    name = function.function
    if name not in scene.listed:
        choices = _choices(scene, function)
        scene.solved[name] = solve_arguments(scene, function, samples_of(scene, function))
        solved = (
            some
            for one in scene.solved[name]
            for some in islice(product(*_besides(one.arguments, choices)), _BESIDES)
        )
        mixed = [*solved, *mix(choices, CALLS)]
        first = mixed[:_FILLED]
        nulls = () if function.strict else dict.fromkeys(chain.from_iterable(map(_with_nulls, first)))
        scene.listed[name] = list(dict.fromkeys(islice(chain(first, nulls, mixed), CALLS)))
    return scene.listed[name]


def _with_nulls(some: tuple[str | None, ...]) -> Iterator[tuple[str | None, ...]]:
    """What a client leaves out or says is null: each argument by itself, and all of them."""
    for number in range(len(some)):
        yield (*some[:number], None, *some[number + 1 :])
    yield (None,) * len(some)


def solved_setups(scene: Scene, function: Function) -> list[Solved]:
    """What rows must be first, for the function to come to them with some of its `argument_lists`.

    Those that change the same columns, of different rows, are one.
    """
    argument_lists(scene, function)
    found: dict[frozenset[tuple[str, str]], Solved] = {}
    for one in scene.solved[function.function]:
        if one.setup:
            known = found.setdefault(one.changed, replace(one, setup=()))
            found[one.changed] = replace(known, setup=tuple(dict.fromkeys([*known.setup, *one.setup])))
    return list(found.values())


def _besides(
    solved: Mapping[int, str | None], choices: Sequence[tuple[str | None, ...]]
) -> Iterator[tuple[str | None, ...]]:
    """What was solved, and the first choices of the other arguments."""
    for number, some in enumerate(choices):
        yield (solved[number],) if number in solved else some[:_BESIDES]


def lacks_argument(scene: Scene, function: Function) -> bool:
    """Whether some argument could not be made in any way."""
    solved = scene.solved.get(function.function, ())
    return any(
        some == (None,) and not any(number in one.arguments for one in solved)
        for number, some in enumerate(_choices(scene, function))
    )


def count_lists(scene: Scene, function: Function) -> int:
    """How many lists of arguments there are."""
    return prod(map(len, _choices(scene, function)))


def _choices(scene: Scene, function: Function) -> list[tuple[str | None, ...]]:
    """For each argument keys of the rows that it may be about, then what the text compares with."""
    literals = find_literals([function.text])
    labels = {c.base: c.labels for t in scene.surface.tables.values() for c in t.columns.values() if c.labels}
    samples = samples_of(scene, function)
    ids = [persona.id for persona in scene.users if persona.id]

    checks = [
        c.definition
        for s in samples
        for c in scene.catalog.parts(Constraint).get(s.table.oid, ())
        if c.type == "c"
    ]
    listed = find_literals(checks).strings

    @cache
    def values(type_: str) -> tuple[str | None, ...]:
        keys = [
            row.key[0]
            for sample in samples
            if len(sample.key) == 1 and sample.table.columns[sample.key[0]].type == type_
            for row in sample.rows
        ]
        texts = (
            [
                *_names(samples, type_),
                *listed[:_LISTED],
                "",
                *(["%"] if {"like", "ilike"} & literals.words else []),
            ]
            if type_ in TEXTS
            else []
        )
        texts += ["{}", *documents(scene)] if type_ in DOCUMENTS else []
        texts += _drawn(samples) if type_ == "uuid" else []
        texts += spell_rows(scene.samples, type_)
        known = [v for v in candidates(type_, labels.get(type_, ()), literals, ids) if v is not None]
        return tuple(dict.fromkeys([*_spread(_by_type(samples, type_)), *keys, *texts, *known]))

    return [values(type_)[:_VALUES] or (None,) for type_ in function.types]


def _names(samples: Sequence[Sample], type_: str) -> Iterator[str]:
    """Texts by which a row is found: each is unique by itself, and none of a key."""
    for sample in samples:
        alone = {index.columns[0] for index in sample.table.unique if len(index.columns) == 1}
        for name in sorted(alone - set(sample.key) - references(sample).keys()):
            if sample.table.columns[name].base == type_:
                yield from (value for row in sample.rows[:2] if (value := row.values[name]))


def _drawn(samples: Sequence[Sample]) -> Iterator[str]:
    """What a default has drawn to be a secret: ids that name nothing else."""
    for sample in samples:
        fixed = {*sample.key, *references(sample)}
        for column in sample.table.columns.values():
            if column.base == "uuid" and column.has_default and column.name not in fixed:
                yield from (value for row in sample.rows[:_VALUES] if (value := row.values[column.name]))


def _by_type(samples: Sequence[Sample], type_: str) -> list[list[str | None]]:
    """The keys of each table, so that no table's crowd out the others'."""
    base = {"int4": ("int4", "int8", "int2"), "int8": ("int8", "int4"), "numeric": ()}.get(type_, (type_,))
    return [
        [row.values[name] for row in sample.rows[:_VALUES]]
        for sample in samples
        for name, refers in {**dict.fromkeys(sample.key, False), **references(sample)}.items()
        if sample.table.columns[name].base in base
        and (refers or sample.table.columns[name].base not in TEXTS)
    ]


def _spread(lists: list[list[str | None]]) -> Iterator[str | None]:
    longest = max(map(len, lists), default=0)
    for number in range(longest):
        yield from (one[number] for one in lists if number < len(one) and one[number] is not None)
