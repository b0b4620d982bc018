"""Lists of arguments out of what each argument may be: of very many, some in order and some of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice, product
from math import prod

Arguments = tuple[str | None, ...]


def mix(choices: Sequence[Sequence[str | None]], most: int) -> Iterator[Arguments]:
    """All lists, where there are no more than `most`; else two thirds in order, in which the first arguments
    hardly change, and then such that each argument is changed before any is changed far."""
    if prod(map(len, choices)) <= most:
        yield from product(*choices)
        return
    ordered = list(islice(product(*choices), 2 * most // 3))
    rest = (some for some in _nearest(choices) if some not in ordered)
    yield from islice(chain(ordered, rest), most)


def _nearest(choices: Sequence[Sequence[str | None]]) -> Iterator[Arguments]:
    """By the sum of the places of their values."""
    for total in range(sum(len(some) - 1 for some in choices) + 1):
        yield from _of_sum(choices, total)


def _of_sum(choices: Sequence[Sequence[str | None]], total: int) -> Iterator[Arguments]:
    if not choices:
        if total == 0:
            yield ()
        return
    first, *rest = choices
    for place, value in enumerate(first[: total + 1]):
        yield from ((value, *some) for some in _of_sum(rest, total - place))
