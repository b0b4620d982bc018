"""What the HTML page shows of a difference, whether between two schemas or to the accepted baseline. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgassay.errors import Place
from pgassay.matrix.assessment import Assessment
from pgassay.matrix.baseline import Difference
from pgassay.matrix.model import CellKey, Direction, Witness
from pgassay.observation import Outcome
from pgassay.render.place import relative

_OPENNESS = {Outcome.ALLOWED.value: 2, Outcome.REJECTED.value: 1}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One sentence about cells that moved alike; `script` shows it in psql, "" where nothing can."""

    direction: Direction
    message: str
    place: Place | None = None
    cells: tuple[CellKey, ...] = ()
    before: str = ""
    after: str = ""
    witness: Witness | None = None
    script: str = ""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All that is different, in the order to read it; `base` and `head` are names for the reader.

    `accepted`: what was gained stands in the baseline. `fault` says why there is nothing to compare.
    """

    base: str
    head: str
    entries: tuple[Entry, ...] = ()
    added: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    accepted: bool = False
    fault: str = ""

    def entries_of(self, direction: Direction) -> tuple[Entry, ...]:
        """In the order to read them."""
        return tuple(entry for entry in self.entries if entry.direction is direction)

    def count(self, direction: Direction) -> int:
        return len(self.entries_of(direction))

    @property
    def objects(self) -> tuple[tuple[str, str], ...]:
        """What came and what went, each after a word for it."""
        return (*(("added", name) for name in self.added), *(("dropped", name) for name in self.dropped))


def compare_to_baseline(assessment: Assessment) -> Comparison | None:
    """Of `pgassay matrix`: what is not as accepted; None where nothing was accepted yet."""
    if assessment.baseline is None:
        return None
    entries = sorted(_entries(assessment), key=lambda entry: tuple(Direction).index(entry.direction))
    return Comparison(
        base=str(relative(assessment.baseline)), head="the schema as it is", entries=tuple(entries)
    )


def _entries(assessment: Assessment) -> Iterator[Entry]:
    for one in assessment.differences:
        yield Entry(
            direction=_direction(one),
            message=" ".join(part for part in one.question.split("  ") if part != "-"),
            place=Place(file=assessment.baseline, line=one.line) if assessment.baseline else None,
            cells=(one.cell.key,) if one.cell else (),
            before=one.was,
            after=one.now,
            witness=one.cell.witness if one.cell else None,
        )


def _direction(difference: Difference) -> Direction:
    was, now = _openness(difference.was), _openness(difference.now)
    if was == now:
        return Direction.CHANGED
    return Direction.GAINED if now > was else Direction.LOST


def _openness(answer: str) -> int:
    """Of an answer as the baseline spells it, the most open part of which comes first."""
    return _OPENNESS.get(answer.partition(" ")[0].rstrip(";"), 0)
