"""Where the boxes of a layered graph go: what is pointed at lies left of what points. Pure.

The method is Sugiyama's: rank by the longest path, give long edges a place in every layer between, order each
layer by the mean place of its neighbours, then stack.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

Edge = tuple[str, str]
"""From the one that points to the one that is pointed at."""

_SWEEPS = 6
LANE = 10
"""The height of the place of a passing edge."""


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A place: the layer, counted from the left, and the upper end in pixels."""

    layer: int
    top: float


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Slots of the nodes; of each edge that passes through layers, the slots there from its source on."""

    nodes: Mapping[str, Slot]
    lanes: Mapping[Edge, tuple[Slot, ...]]
    height: float


@dataclass(frozen=True)
class _Lane:
    edge: Edge
    layer: int


_Item = str | _Lane


def arrange(heights: Mapping[str, float], edges: Iterable[Edge], *, gap: float) -> Layout:
    """Give each node of these heights a slot, `gap` pixels apart, and each edge between ranks its lanes.

    An edge to oneself or against the ranks has no entry among the lanes.
    """
    some = sorted({edge for edge in edges if edge[0] != edge[1]})
    ranks = _rank(heights, some)
    chains = {edge: _chain(edge, ranks) for edge in some if ranks[edge[0]] > ranks[edge[1]]}
    layers = _fill(ranks, chains)
    _order(layers, chains)
    tops, height = _stack(layers, heights, gap)
    slots = {item: Slot(layer=n, top=tops[item]) for n, layer in enumerate(layers) for item in layer}
    return Layout(
        nodes={name: slots[name] for name in heights},
        lanes={edge: tuple(slots[item] for item in chain[1:-1]) for edge, chain in chains.items()},
        height=height,
    )


def _rank(names: Iterable[str], edges: Sequence[Edge]) -> dict[str, int]:
    """The longest way from each node to one that points at nothing, without edges that close a circle."""
    targets: dict[str, list[str]] = defaultdict(list)
    for source, target in edges:
        targets[source].append(target)
    ranks: dict[str, int] = {}

    def visit(name: str, trail: frozenset[str]) -> int:
        if name not in ranks:
            ahead = [t for t in targets[name] if t not in trail]
            ranks[name] = max((visit(t, trail | {name}) + 1 for t in ahead), default=0)
        return ranks[name]

    for name in names:
        visit(name, frozenset({name}))
    return ranks


def _chain(edge: Edge, ranks: Mapping[str, int]) -> tuple[_Item, ...]:
    source, target = edge
    between = range(ranks[source] - 1, ranks[target], -1)
    return (source, *(_Lane(edge, layer) for layer in between), target)


def _fill(ranks: Mapping[str, int], chains: Mapping[Edge, Sequence[_Item]]) -> list[list[_Item]]:
    layers: list[list[_Item]] = [[] for _ in range(max(ranks.values(), default=-1) + 1)]
    for name, rank in sorted(ranks.items()):
        layers[rank].append(name)
    for chain in chains.values():
        for item in chain:
            if isinstance(item, _Lane):
                layers[item.layer].append(item)
    return layers


def _order(layers: list[list[_Item]], chains: Mapping[Edge, Sequence[_Item]]) -> None:
    """Fewer crossings: by the mean place of the neighbours to the left, then to the right, and again."""
    left: dict[_Item, list[_Item]] = defaultdict(list)
    right: dict[_Item, list[_Item]] = defaultdict(list)
    for chain in chains.values():
        for item, nearer in pairwise(chain):
            left[item].append(nearer)
            right[nearer].append(item)
    for sweep in range(_SWEEPS):
        neighbours, ordered = (left, layers) if sweep % 2 == 0 else (right, layers[::-1])
        for layer in ordered:
            _sort(layer, neighbours, layers)


def _sort(layer: list[_Item], neighbours: Mapping[_Item, list[_Item]], layers: list[list[_Item]]) -> None:
    # Relative: layers are centred, and differ in length.
    places = {item: (n + 0.5) / len(some) for some in layers for n, item in enumerate(some)}
    means = {
        item: sum(places[n] for n in neighbours[item]) / len(neighbours[item])
        if neighbours.get(item)
        else places[item]
        for item in layer
    }
    layer.sort(key=means.__getitem__)


def _stack(
    layers: Sequence[Sequence[_Item]], heights: Mapping[str, float], gap: float
) -> tuple[dict[_Item, float], float]:
    def height_of(item: _Item) -> float:
        return LANE if isinstance(item, _Lane) else heights[item]

    totals = [sum(map(height_of, layer)) + gap * (len(layer) - 1) for layer in layers]
    tallest = max(totals, default=0)
    tops: dict[_Item, float] = {}
    for layer, total in zip(layers, totals, strict=True):
        top = (tallest - total) / 2
        for item in layer:
            tops[item] = top
            top += height_of(item) + gap
    return tops, tallest
