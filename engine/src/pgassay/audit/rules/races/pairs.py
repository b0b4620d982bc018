"""Pairs of acts that may race, each with states of the rows in which that can show."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, islice

from pgassay.audit.acts import Act, Looked, number_setups, play
from pgassay.audit.scene import Scene
from pgassay.catalog.names import quoted
from pgassay.matrix.statements import NUMBERS, condition
from pgassay.races.model import Scenario, SessionScript

_REPEATS = 5
_AT_ONCE = 10  # states that are looked at in one flight
FIRST, SECOND = "first", "second"


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two acts at once, after what the owner does before."""

    first: Act
    second: Act
    setup: tuple[str, ...] = ()

    @property
    def objects(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.first.object, self.second.object)))

    @property
    def is_by_two(self) -> bool:
        """Whether two personas do the same: the same call, or a write of their own each."""
        first, second = self.first, self.second
        alike = first.statement == second.statement and first.asks_who
        written = first.verb == second.verb != "execute" and first.object == second.object
        return first.persona != second.persona and (alike or written)

    @property
    def scenario(self) -> Scenario:
        acts = ((FIRST, self.first), (SECOND, self.second))
        return Scenario(
            name=f"{self.first.object} and {self.second.object}",
            setup="; ".join(self.setup),
            sessions=tuple(
                SessionScript(name=name, persona=act.persona, requests=((act.statement,),))
                for name, act in acts
            ),
            inside=True,
            shared=self.first.written | self.second.written,
        )

    @property
    def lenient(self) -> frozenset[str]:
        """The sessions that leave out what others have locked."""
        acts = ((FIRST, self.first), (SECOND, self.second))
        return frozenset(name for name, act in acts if act.yields)


def candidate_pairs(acts: Sequence[Act], *, of_each: int = 1) -> list[Pair]:
    """The same twice, by one and by two; then different ones of which one writes what the other uses.

    At most so many of each two objects.
    """
    twice = [Pair(first=act, second=act, setup=act.setup) for act in acts]
    others = [Pair(first=a, second=b, setup=a.setup) for a, b in combinations(acts, 2) if _meet(a, b)]
    by_two = [p for p in others if p.is_by_two]
    same = [p for p in others if len(p.objects) == 1 and not p.is_by_two and p.first.asks_who]
    different = [p for p in others if len(p.objects) > 1]
    kinds = (twice, by_two, same, different) if of_each > 1 else (twice, by_two, different)
    return [pair for kind in kinds for pair in _some_of_each(kind, of_each)]


def _some_of_each(pairs: Sequence[Pair], count: int) -> list[Pair]:
    """The first of each two objects comes before the second of any."""
    seen: Counter[tuple[str, ...]] = Counter()
    ranked = []
    for place, pair in enumerate(pairs):
        seen[pair.objects] += 1
        ranked.append((seen[pair.objects], place, pair))
    return [pair for turn, _, pair in sorted(ranked, key=lambda one: one[:2]) if turn <= count]


def _meet(a: Act, b: Act) -> bool:
    return a.setup == b.setup and bool(a.written & (b.uses | b.written) or b.written & (a.uses | a.written))


def states(scene: Scene, pair: Pair) -> Iterator[Pair]:
    """As things are, where both go through; and the first in which there is room for one of them."""
    looks = play(scene, [(pair.setup, (pair.first, pair.second)), (pair.setup, (pair.second,))])
    if len(looks[0]) < 2 or len(looks[1]) < 2:
        return
    yield pair
    if _is_edge(looks[0]):
        return
    setups = iter([*_repeated(pair), *_numbers(scene, pair, looks[0])])
    acts = (pair.first, pair.second)
    while some := list(islice(setups, _AT_ONCE)):
        for setup, after in zip(some, play(scene, [(setup, acts) for setup in some]), strict=True):
            if _is_edge(after):
                yield replace(pair, setup=setup)
                return


def _is_edge(looks: Sequence[Looked]) -> bool:
    """Whether the first act writes, and the second one is refused or writes nothing."""
    if len(looks) < 2 or set(looks[1]) == set(looks[0]):
        return False
    return len(looks) == 2 or set(looks[2]) == set(looks[1])


def _repeated(pair: Pair) -> Iterator[tuple[str, ...]]:
    for count in range(1, _REPEATS + 1):
        yield (*pair.setup, *pair.first.as_setup * count)


def _numbers(scene: Scene, pair: Pair, looks: Sequence[Looked]) -> Iterator[tuple[str, ...]]:
    """What the act takes from a number is all there is; then other numbers, one column at a time."""
    for text in _taken(scene, looks):
        yield (*pair.setup, text)
    for setup in number_setups(scene, pair.first.uses | pair.first.written, ("1", "2")):
        yield (*pair.setup, *setup)


def _taken(scene: Scene, looks: Sequence[Looked]) -> Iterator[str]:
    for table, text in set(looks[1]) - set(looks[0]):
        sample = scene.sample_of.get(table or "")
        after = json.loads(text or "{}", parse_int=str, parse_float=str)
        key = tuple(after.get(name) for name in sample.key) if sample else ()
        row = next((row for row in sample.rows if row.key == key), None) if sample else None
        for column in sample.table.columns.values() if sample and row else ():
            before, now = (values.get(column.name) for values in (row.values, after))  # type: ignore[union-attr]
            if column.base in NUMBERS and before and now and float(now) < float(before):
                spent = float(before) - float(now)
                where = condition(sample.key, key)  # type: ignore[union-attr]
                yield f"update {table} set {quoted(column.name)} = {spent:g} where {where}"
