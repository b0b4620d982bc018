"""Calls of the functions that personas may execute, with arguments that may matter, and what they do."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import chain, islice, product, zip_longest
from math import prod

from pgassay.audit.mixing import mix
from pgassay.audit.reach import Reach
from pgassay.audit.scene import Scene, Solved, key_expression
from pgassay.audit.slow import TIMEOUT
from pgassay.audit.solved import solve_arguments, spell_rows
from pgassay.audit.writes import DOCUMENTS, documents
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Constraint, Function
from pgassay.catalog.names import without_arguments
from pgassay.database.pipeline import Answer
from pgassay.diff.variations import candidates
from pgassay.errors import ServerError
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import TEXTS, literal
from pgassay.observation import Persona
from pgassay.solver.signatures import read_arguments

CALLS = 48
"""How many lists of arguments are tried of a function."""
_VALUES = 8
_BESIDES = 3  # lists with the same solved arguments
_LISTED = 4  # texts of what CHECKs list
_ANY = ("any", "pg_catalog.any")  # polymorphic types
_LEAST = 3  # characters of a value that can be recognized


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call by one persona, after what the owner does before it."""

    function: Function
    arguments: tuple[str | None, ...]
    persona: Persona
    setup: tuple[str, ...] = ()

    @property
    def statement(self) -> str:
        name = without_arguments(self.function.function)
        return f"select * from {name}({', '.join(self._spelled)})"

    @property
    def _spelled(self) -> Iterator[str]:
        """With types where another function of that name would take them too, or any type is taken."""
        parameters = (read_arguments(self.function.arguments) or ())[: len(self.arguments)]
        for value, one in zip_longest(self.arguments, parameters):
            kind = ""
            if one and one.type.startswith(_ANY):
                kind = "::text"
            elif one and self.function.is_overloaded and not one.variadic:
                kind = f"::{one.type}"
            yield f"{literal(value)}{kind}"

    @cached_property
    def said(self) -> frozenset[str]:
        """All that its caller says: the arguments, and what stands in arrays and documents among them."""
        given = [one for one in self.arguments if one]
        return frozenset(given).union(*map(_parts, given))


def callable_by(scene: Scene, persona: Persona) -> Iterator[Function]:
    """What the project made and the persona may call."""
    for right in scene.surface.rights:
        function = scene.functions.get(right.object)
        is_held = right.role == persona.role and right.held and right.usage
        if not (right.privilege == "execute" and is_held and function and function.kind == "f"):
            continue
        if scene.is_ours(function):
            yield function


def samples_of(scene: Scene, function: Function) -> list[Sample]:
    """The tables that it comes to use."""
    reach = scene.inventory.reach(function.function)
    return [sample for sample in scene.samples if sample.object in reach and sample.table.stored]


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
        scene.listed[name] = list(dict.fromkeys(islice(chain(solved, mix(choices, CALLS)), CALLS)))
    return scene.listed[name]


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


def references(sample: Sample) -> dict[str, bool]:
    return {name: True for key in sample.table.foreign_keys for name in key.columns}


def _spread(lists: list[list[str | None]]) -> Iterator[str | None]:
    longest = max(map(len, lists), default=0)
    for number in range(longest):
        yield from (one[number] for one in lists if number < len(one) and one[number] is not None)


def make_calls(
    scene: Scene, persona: Persona, calls: Sequence[Call], *looks: str
) -> list[tuple[Call, Answer]]:
    """What each call answers, then what the owner sees; none of a function that does not come to an end.

    One that ends the session is noted, too, before the error goes on.
    """
    if not calls or scene.is_unending(calls[0].function):
        return []
    segments = [[call.statement, *looks] for call in calls]
    answers: list[Answer] = []
    while len(answers) < len(segments):
        try:
            answers += scene.ask(persona, segments[len(answers) : 2 * len(answers) + 1])
        except ServerError:
            scene.unending.add(calls[0].function.function)
            raise
        if any(answer.sqlstate == TIMEOUT for answer in answers):
            scene.unending.add(calls[0].function.function)
            return []
    return list(zip(calls, answers, strict=True))


def setups(scene: Scene, function: Function) -> Iterator[tuple[str, ...]]:
    """As things are; then with what the body compares with in each column of text or of an enum."""
    yield ()
    strings = find_literals([function.text]).strings
    for sample in samples_of(scene, function):
        keys = {name for index in sample.table.unique for name in index.columns}
        for column in sample.table.columns.values():
            if column.name in keys or column.generated or (column.base not in TEXTS and not column.labels):
                continue
            for text in strings[:6]:
                if not column.labels or text in column.labels:
                    yield (f"update {sample.table.name} set {column.quoted} = {literal(text)}",)


def hidden_rows(sample: Sample, seen: Reach) -> list[Row]:
    visible = seen.seen.get(sample.object, frozenset())
    return [row for row in sample.rows if row.key not in visible]


def secrets(sample: Sample, seen: Reach, persona: Persona) -> dict[str, Row]:
    """Values that only stand in rows which the persona does not see, or in columns that it may not read."""
    hidden = hidden_rows(sample, seen)
    closed = sample.table.columns.keys() - sample.table.privileges[persona.role].select
    cells = [
        (value, row, row in hidden or (name in closed and persona.id not in row.owners))
        for row in sample.rows
        for name, value in row.values.items()
        if value
    ]
    open_ = {value for value, _, is_closed in cells if not is_closed}
    return {
        value: row
        for value, row, is_closed in cells
        if is_closed
        and len(value) >= _LEAST
        and value not in open_
        and value not in (persona.id, "true", "false")
    }


def told(answer: Answer) -> set[str]:
    """All that the persona is told, value by value, also within documents."""
    values = {value for rows in answer.rows for row in rows for value in row if value}
    documents = [value for value in values if value[0] in "{[" and value[-1] in "}]"]
    return values.union(*map(_scalars, documents))


def _parts(argument: str) -> set[str]:
    """The values in a document, or in an array or a row of SQL."""
    if argument[0] not in "{[(":
        return set()
    return _scalars(argument) or {one.strip('"') for one in argument.strip("{}()").split(",")}


def _scalars(document: str) -> set[str]:
    try:
        rest = [json.loads(document)]
    except ValueError:
        return set()
    found: set[str] = set()
    while rest:
        value = rest.pop()
        if isinstance(value, dict | list):
            rest += value.values() if isinstance(value, dict) else value
        elif value is not None:
            found.add(value if isinstance(value, str) else json.dumps(value))
    return found


def look_new(sample: Sample) -> str:
    """The rows of this transaction."""
    key = key_expression(sample.key, "t")
    return (
        f"select {key}, to_jsonb(t.*)::text from {sample.table.name} as t where pg_catalog.age(t.xmin) <= 0"
    )
