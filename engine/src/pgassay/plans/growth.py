"""How the time of single operations grows with the load: an earlier measurement, and its chart."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgassay.config import Config

_LEFT, _TOP, _WIDTH, _HEIGHT = 64, 16, 480, 300
_BETWEEN_LABELS = 17
_LABELS = 260


@dataclass(frozen=True, kw_only=True)
class Growth:
    """Seconds of each operation, one a size; `sizes` count rows of the kind `unit`, the smallest first."""

    unit: str
    sizes: tuple[int, ...]
    seconds: dict[str, tuple[float, ...]]

    def to_json(self) -> dict[str, Any]:
        """The document that `read_growth` reads."""
        return {"unit": self.unit, "sizes": self.sizes, "seconds": self.seconds}


def growth_path(config: Config) -> Path:
    """Where measurements are left."""
    return config.root / "build" / "growth.json"


def read_growth(file: Path) -> Growth | None:
    """What was measured; None where nothing was, or where the file is of another format."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        seconds = {name: tuple(map(float, values)) for name, values in document["seconds"].items()}
        growth = Growth(unit=document["unit"], sizes=tuple(map(int, document["sizes"])), seconds=seconds)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    fits = all(len(values) == len(growth.sizes) and min(values) > 0 for values in seconds.values())
    return growth if fits and len(growth.sizes) > 1 and min(growth.sizes) > 0 else None


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A value on an axis and where it stands."""

    at: float
    text: str


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One operation: its points, and where its name stands, with its growth in words."""

    name: str
    points: tuple[tuple[float, float], ...]
    label: float
    told: str

    @property
    def path(self) -> str:
        """As `points` of an SVG polyline."""
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in self.points)


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Everything in pixels. `slope` is what growth with the table would look like."""

    unit: str
    columns: tuple[Tick, ...]
    rows: tuple[Tick, ...]
    curves: tuple[Curve, ...]
    slope: tuple[tuple[float, float], tuple[float, float]]
    left: int = _LEFT
    right: int = _LEFT + _WIDTH
    top: int = _TOP
    bottom: int = _TOP + _HEIGHT
    width: int = _LEFT + _WIDTH + _LABELS
    height: int = _TOP + _HEIGHT + 48


def draw_growth(growth: Growth) -> Chart:
    """One curve an operation, and a straight line for growth with the table."""
    milliseconds = {name: [1000 * value for value in took] for name, took in growth.seconds.items()}
    values = [value for took in milliseconds.values() for value in took]
    axes = _Axes(growth.sizes, values)
    first, last = growth.sizes[0], growth.sizes[-1]
    slowest = max(took[0] for took in milliseconds.values())
    reach = min(last, first * axes.ceiling / slowest)
    return Chart(
        unit=growth.unit,
        columns=tuple(Tick(at=axes.x(size), text=f"{size:,}") for size in growth.sizes),
        rows=tuple(axes.ticks()),
        curves=tuple(_place(milliseconds, growth.sizes, axes)),
        slope=((axes.x(first), axes.y(slowest)), (axes.x(reach), axes.y(slowest * reach / first))),
    )


class _Axes:
    """Where sizes and milliseconds stand; upright, whole powers of ten, one more than needed."""

    def __init__(self, sizes: tuple[int, ...], values: list[float]) -> None:
        self._first, self._last = sizes[0], sizes[-1]
        self._low = math.floor(math.log10(min(values)))
        self._high = math.ceil(math.log10(max(values) * 10))

    @property
    def ceiling(self) -> float:
        return float(10**self._high)

    def x(self, size: float) -> float:
        return _LEFT + _WIDTH * math.log(size / self._first) / math.log(self._last / self._first)

    def y(self, value: float) -> float:
        return _TOP + _HEIGHT * (self._high - math.log10(value)) / (self._high - self._low)

    def ticks(self) -> Iterator[Tick]:
        for power in range(self._low, self._high + 1):
            yield Tick(at=self.y(10.0**power), text=f"{10.0**power:g}")


def _place(milliseconds: dict[str, list[float]], sizes: tuple[int, ...], axes: _Axes) -> Iterator[Curve]:
    """The curves, that of the slowest operation first; their names keep a distance from each other."""
    above = -math.inf
    for name, took in sorted(milliseconds.items(), key=lambda one: -one[1][-1]):
        points = tuple((axes.x(size), axes.y(value)) for size, value in zip(sizes, took, strict=True))
        above = max(points[-1][1], above + _BETWEEN_LABELS)
        told = f"{took[0]:.2f} ms at {sizes[0]:,}, {took[-1]:.2f} ms at {sizes[-1]:,}"
        yield Curve(name=name, points=points, label=above, told=told)
