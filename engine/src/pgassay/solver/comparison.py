"""What stands left of an operator such that it says what is wanted of the value at its right. Pure.

One small function for each operator; PostgreSQL judges what they propose.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from pgassay.solver import patterns, values
from pgassay.solver.model import Truth, Value


@dataclass(frozen=True, kw_only=True)
class Side:
    """The value at the other side: `labels` of an enum; `purpose` is what the row is for."""

    value: str
    type: str
    labels: Sequence[str] = field(default=())
    purpose: str = ""


_BOUNDS = (*values.NUMBERS, *values.MOMENTS)

Targets = Callable[[Side, bool], Iterator[Value]]
"""Candidates for the left side such that `left operator side` is true, or false."""


def equal(side: Side, wanted: bool) -> Iterator[Value]:  # noqa: FBT001
    """`=`: the value, or others."""
    return iter([side.value]) if wanted else values.others(side.value, side.type, labels=side.labels)


def _different(side: Side, wanted: bool) -> Iterator[Value]:  # noqa: FBT001
    return equal(side, not wanted)


def _greater(side: Side, wanted: bool) -> Iterator[Value]:  # noqa: FBT001
    beyond = (values.above if wanted else values.below)(side.value, side.type, labels=side.labels)
    return beyond if wanted else _or_bound(side, beyond)


def _less(side: Side, wanted: bool) -> Iterator[Value]:  # noqa: FBT001
    beyond = (values.below if wanted else values.above)(side.value, side.type, labels=side.labels)
    return beyond if wanted else _or_bound(side, beyond)


def _or_bound(side: Side, beyond: Iterator[Value]) -> Iterator[Value]:
    """The bound itself first; of a moment last, which another session's present may lie before."""
    return chain(beyond, [side.value]) if side.type in values.MOMENTS else chain([side.value], beyond)


def _like(side: Side, wanted: bool) -> Iterator[Value]:  # noqa: FBT001
    return patterns.like(side.value) if wanted else patterns.unlike(side.value)


def _matches(side: Side, wanted: bool) -> Iterator[Value]:  # noqa: FBT001
    if not wanted:
        yield from patterns.unmatching(side.value)
        return
    for seed in (side.purpose, "") if side.purpose else ("",):
        yield from patterns.matching(side.value, seed=seed)


def _contains(side: Side, wanted: bool) -> Iterator[Value]:  # noqa: FBT001
    """`@>` of documents, arrays and ranges: the contained itself is the least that contains it."""
    if values.plain_type(side.type) in _BOUNDS:  # of a range
        yield f'["{side.value}","{side.value}"]' if wanted else "empty"
    else:
        yield side.value if wanted else _empty(side.type)


def _contained(side: Side, wanted: bool) -> Iterator[Value]:  # noqa: FBT001
    if wanted:
        yield side.value
        if "range" in side.type:
            yield side.value.strip("[(").partition(",")[0].strip('"')  # an element, where the bound is inside
    else:
        yield from values.others(side.value, side.type)


def _overlaps(side: Side, wanted: bool) -> Iterator[Value]:  # noqa: FBT001
    yield side.value if wanted else _empty(side.type)


def _has_key(side: Side, wanted: bool) -> Iterator[Value]:  # noqa: FBT001
    if wanted:
        yield json.dumps({side.value: True})
        yield json.dumps([side.value])
    else:
        yield "{}"


def _has_keys(side: Side, wanted: bool) -> Iterator[Value]:  # noqa: FBT001
    keys = [key.strip('"') for key in side.value.strip("{}").split(",")]
    yield json.dumps(dict.fromkeys(keys, True)) if wanted else "{}"


def _empty(type_: str) -> str:
    return "empty" if "range" in type_ else "{}"


_POSITIVE: Mapping[str, Targets] = {
    "=": equal,
    "<>": _different,
    ">": _greater,
    "<": _less,
    "~~": _like,
    "~~*": _like,
    "~": _matches,
    "~*": _matches,
    "@>": _contains,
    "<@": _contained,
    "&&": _overlaps,
    "?": _has_key,
    "?|": _has_keys,
    "?&": _has_keys,
    "^@": lambda side, wanted: iter([side.value if wanted else f"~{side.value}"]),
}
_NEGATED = {">=": "<", "<=": ">", "!~~": "~~", "!~~*": "~~*", "!~": "~", "!~*": "~*", "!=": "="}
COMMUTED = {
    "=": "=",
    "<>": "<>",
    "!=": "!=",
    "<": ">",
    ">": "<",
    "<=": ">=",
    ">=": "<=",
    "@>": "<@",
    "<@": "@>",
}
COMMUTED |= {"&&": "&&"}
"""The operator with its sides exchanged."""


def targets(operator: str, side: Side, wanted: Truth) -> Iterator[Value]:
    """Candidates for what stands left of an operator; null where that is what is wanted."""
    negated = operator in _NEGATED
    found = _POSITIVE.get(_NEGATED.get(operator, operator))
    for truth in (Truth.TRUE, Truth.FALSE):
        if found and truth in wanted:
            yield from found(side, (truth is Truth.TRUE) != negated)
    if Truth.NULL in wanted:
        yield None


def is_known(operator: str) -> bool:
    """Whether anything can be proposed for an operator."""
    return operator in _POSITIVE or operator in _NEGATED
