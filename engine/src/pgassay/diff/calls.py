"""Calls of the functions that a change may concern, with arguments that may matter. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice, product, zip_longest

from pgassay.catalog.compare import SchemaChange
from pgassay.catalog.inventory import Inventory
from pgassay.catalog.literals import Literals, find_literals
from pgassay.catalog.tables import CallRight, Surface
from pgassay.diff.call_probes import RUN, Near, find_near, probe_call
from pgassay.diff.experiments import Experiment
from pgassay.diff.neighbourhoods import bodies, is_searched, said_by
from pgassay.diff.probes import SearchProbe
from pgassay.diff.row_arguments import CURSOR
from pgassay.diff.variations import candidates, claim
from pgassay.diff.weights import Scales
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import TEXTS, literal
from pgassay.observation import Persona
from pgassay.solver.signatures import Parameter, read_arguments

_AT_ONCE = 64
_BREAKING_OUT = ("' or true --", "true or true")  # of a text that is put together and run
_CALLS = 256  # of one function by one persona
_ROWS = 4  # of a table, whose texts are passed
_STRINGS = 8
_ONE, _MANY = "text", "text[]"
POLYMORPHIC = {
    **dict.fromkeys(("anyelement", "anynonarray", "anycompatible", "anycompatiblenonarray"), _ONE),
    **dict.fromkeys(("anyarray", "anycompatiblearray"), _MANY),
}
"""What stands for types that a call has to decide."""


@dataclass(frozen=True, kw_only=True)
class CallContext:
    """What HEAD has: its objects, its rows, and what the schemas say on both sides.

    `scales`: what the owner can weigh after a call.
    """

    surface: Surface
    samples: Sequence[Sample]
    base: Inventory
    head: Inventory
    scales: Scales = field(default_factory=Scales)

    def find_labels(self) -> Mapping[str, Sequence[str]]:
        """Of enums, by type."""
        tables = self.surface.tables.values()
        return {column.base: column.labels for table in tables for column in table.columns.values()}


def make_calls(
    changes: Sequence[SchemaChange], context: CallContext, personas: Sequence[Persona]
) -> Iterator[Experiment]:
    """Experiments for each function that a change may have to do with, for everybody who may call it.

    Of all in turn, those first that are others themselves.
    """
    found = [_experiments(context, one) for one in find_callable(changes, context, personas)]
    for in_turn in zip_longest(*found):
        yield from filter(None, in_turn)


@dataclass(frozen=True, kw_only=True)
class CalledFunction:
    """A function that the `changes` may have to do with, who may call it, and what it uses on either side."""

    function: CallRight
    changes: tuple[SchemaChange, ...]
    callers: Sequence[Persona]
    reach: frozenset[str]


def find_callable(
    changes: Iterable[SchemaChange], context: CallContext, personas: Sequence[Persona]
) -> Iterator[CalledFunction]:
    """Those first that are others themselves."""
    searched = [change for change in changes if is_searched(change)]
    held = {
        (right.object, right.role): right for right in context.surface.rights if right.privilege == "execute"
    }
    changed = {change.key.object for change in searched}
    for name in sorted(dict.fromkeys(name for name, _ in held), key=lambda one: one not in changed):
        reach = context.base.reach(name) | context.head.reach(name)
        some = tuple(change for change in searched if change.key.object in reach)
        callers = [p for p in personas if (right := held[name, p.role]).held and right.usage]
        if some and callers:
            function = held[name, callers[0].role]
            yield CalledFunction(function=function, changes=some, callers=callers, reach=reach)


def _experiments(context: CallContext, called: CalledFunction) -> Iterator[Experiment]:
    changes, function, callers, reach = called.changes, called.function, called.callers, called.reach
    near = find_near(context.samples, reach, function.object, context.head)
    texts = list(_texts(context, function, callers, reach))
    calls = (probe_call(function.object, text, persona, near) for text in texts for persona in callers)
    outs = [literal(text) for text in _BREAKING_OUT]
    attempts = (
        replace(call, reveals=True, breaks_out=any(out in call.witness.statement for out in outs))
        for call in calls
    )
    claimed = _claim_otherwise(context, function.object, changes, callers, next(iter(texts), ""), near)
    every = chain(claimed, attempts)
    while some := tuple(islice(every, _AT_ONCE)):
        yield Experiment(changes=changes, attempts=some)


def _claim_otherwise(  # noqa: PLR0913, PLR0917
    context: CallContext,
    function: str,
    changes: tuple[SchemaChange, ...],
    callers: Sequence[Persona],
    arguments: str,
    near: Near,
) -> Iterator[SearchProbe]:
    """What claims say that only HEAD looks at: whose id, or what it compares them with."""
    new, old = (find_literals(said_by(changes, side)) for side in (context.head, context.base))
    paths = [path for path in new.paths if path not in old.paths]
    values = [*(persona.id for persona in callers if persona.id), *new.strings[:_STRINGS]]
    for persona in callers if paths else ():
        for other in claim(persona, paths, values):
            call = probe_call(function, arguments, other, near)
            given = f"the claims {json.dumps(dict(other.claims))}"
            yield replace(call, reveals=True, given=given)


def _texts(
    context: CallContext, function: CallRight, callers: Sequence[Persona], reach: frozenset[str]
) -> Iterator[str]:
    """The lists of arguments to call it with."""
    literals = find_literals(bodies(reach, context.head), bodies(reach, context.base))
    if RUN in literals.words:
        literals = replace(literals, strings=(*_BREAKING_OUT, *literals.strings))
    labels = context.find_labels()
    keys = _keys(context.samples)
    ids = [persona.id for persona in callers if persona.id]
    said = tuple(_find_texts(context.samples, reach, literals))
    told = replace(literals, strings=tuple(dict.fromkeys([*literals.strings, *said])))

    def values(type_: str) -> dict[str | None, None]:
        type_ = {_ONE: "text", _MANY: "_text"}.get(POLYMORPHIC.get(type_, ""), type_)
        known = told if type_ in TEXTS or type_.removeprefix("_") in TEXTS else literals
        if type_ == "refcursor":
            return {CURSOR: None}
        keyed = keys.get(type_.removeprefix("_"), ())
        more = [f"{{{key}}}" for key in keyed] if type_.startswith("_") else keyed
        return dict.fromkeys([*candidates(type_, labels.get(type_, ()), known, ids), *more, None])

    parameters = read_arguments(function.spelled) or ()
    every = [tuple(values(type_)) for type_ in function.arguments]
    needed = sum(one.default is None for one in parameters) if parameters else len(every)
    # What has a default may want a value that nobody guesses.
    short = islice(_combine(every[:needed]), _CALLS // 4) if 0 < needed < len(every) else ()
    for some in chain(short, islice(_combine(every), _CALLS)):
        spelled = zip_longest(map(literal, some), parameters[: len(some)])
        yield ", ".join(spell_argument(text, one) for text, one in spelled)


def _combine(values: Sequence[Sequence[str | None]]) -> Iterator[tuple[str | None, ...]]:
    """All with all, in turn with each argument by itself: of many lists only the last would vary."""
    first = tuple(some[0] for some in values)
    alone = (
        (*first[:place], some[rank], *first[place + 1 :])
        for rank in range(1, max(map(len, values), default=0))
        for place, some in enumerate(values)
        if rank < len(some)
    )
    seen: set[tuple[str | None, ...]] = set()
    for pair in zip_longest(product(*values), alone if len(values) > 1 else ()):
        for one in pair:
            if one is not None and one not in seen:
                seen.add(one)
                yield one


def _find_texts(samples: Iterable[Sample], reach: frozenset[str], literals: Literals) -> Iterator[str]:
    """What stands in the columns that the function names: whoever knows it may ask whether it is there."""
    for sample in (one for one in samples if one.object in reach and one.table.stored):
        names = [one.name for one in sample.columns if one.base in TEXTS and one.name in literals.words]
        for row in sample.rows[:_ROWS]:
            yield from filter(None, (row.values[name] for name in names))


def spell_argument(text: str, parameter: Parameter | None) -> str:
    """An expression as a call passes it."""
    if parameter is None:
        return text
    type_ = POLYMORPHIC.get(parameter.type)
    return f"{'variadic ' if parameter.variadic else ''}{text}{f'::{type_}' if type_ else ''}"


def _keys(samples: Iterable[Sample]) -> Mapping[str, list[str]]:
    """What names the rows of the tables, by type."""
    found: dict[str, list[str]] = {}
    for sample in samples:
        for row in sample.rows if len(sample.key) == 1 and sample.table.stored else ():
            found.setdefault(sample.table.columns[sample.key[0]].base, []).extend(filter(None, row.key))
    return found
