"""What the measurements share: rows of the table, and taking turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class Row:
    """One comparison; `theirs` is None where there is nothing to compare with."""

    name: str
    ours: float
    theirs: float | None
    unit: str

    @property
    def ratio(self) -> float | None:
        return self.ours / self.theirs if self.theirs else None


def value_text(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    if unit != "s":
        return f"{value:,.0f} {unit}"
    return f"{value * 1000:.2f} ms" if value < 1 else f"{value:.2f} s"


def ratio_text(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}" if ratio >= 0.1 else f"1/{1 / ratio:.0f}"


def alternate(
    times: int, *actions: Callable[[], object], after: Callable[[], object] = lambda: None
) -> list[float]:
    """Median seconds of each action, measured turn by turn so that noise hits all alike."""
    took: list[list[float]] = [[] for _ in actions]
    for _ in track(range(times), console=Console(stderr=True), transient=True):
        for action, times_taken in zip(actions, took, strict=True):
            started = time.perf_counter()
            action()
            times_taken.append(time.perf_counter() - started)
            after()
    return [statistics.median(times_taken) for times_taken in took]
