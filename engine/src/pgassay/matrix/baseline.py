"""The matrix as text that people review: one line a cell, sorted, made for `git diff`. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from pgassay.errors import ConfigError
from pgassay.matrix.cells import sort_key
from pgassay.matrix.model import Cell, CellKey, CellResult, Direction, Effect, Matrix, strip_bucket
from pgassay.observation import Outcome

HEADER = """\
# Who can do what, as executed: persona  object  action  column  whose row  outcome.
# Made by `pgassay matrix --accept`; `pgassay help matrix` says how to read it. Review every changed line.
"""

ACCEPTED = "# accepted: "
"""Begins a line about what no cell shows: a gain of `pgassay diff`, in its words."""

# Fixed separators and no columns to align: one long name must not change all the other lines.
_GAP = "  "
_KEY_FIELDS = 5
_WITH_SQLSTATE = (Outcome.REJECTED, Outcome.ERROR)
_OPENNESS = {Outcome.ALLOWED.value: 2, Outcome.REJECTED.value: 1}


class DeviationKind(Enum):
    """How a cell and the baseline disagree."""

    CHANGED = "changed"  # another answer than the line says
    ADDED = "added"  # a cell without a line
    MISSING = "missing"  # a line about a cell that was not tried, of a persona and an object that are there
    UNUSED = "unused"  # a line about a persona or an object that is gone


@dataclass(frozen=True, kw_only=True)
class BaselineLine:
    """One accepted answer to the question in `fields`, and the line of the file that holds it."""

    fields: tuple[str, ...]
    answer: str
    number: int

    @property
    def object(self) -> str:
        """As the baseline spells it; of buckets, storage.objects."""
        return strip_bucket(self.fields[1])

    @property
    def outcome(self) -> str:
        """The most open one."""
        return self.answer.partition(" ")[0].rstrip(";")


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """A line that differs from the cell, or one of them without the other."""

    kind: DeviationKind
    accepted: BaselineLine | None = None
    cell: Cell | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """The question: persona, object, action, column and rows, as the baseline spells them."""
        if self.accepted:
            return self.accepted.fields
        return key_fields(self.cell.key) if self.cell else ()

    @property
    def question(self) -> str:
        return _GAP.join(self.fields)

    @property
    def was(self) -> str:
        return self.accepted.answer if self.accepted else ""

    @property
    def now(self) -> str:
        return render_answer(self.cell) if self.cell else ""

    @property
    def line(self) -> int:
        return self.accepted.number if self.accepted else 0

    @property
    def direction(self) -> Direction:
        was = _OPENNESS.get(self.accepted.outcome, 0) if self.accepted else 0
        now = _OPENNESS.get(self.cell.results[0].outcome.value, 0) if self.cell else 0
        if was == now:
            return Direction.CHANGED
        return Direction.GAINED if now > was else Direction.LOST

    def __str__(self) -> str:
        answers = {
            DeviationKind.CHANGED: f"{self.now} (was: {self.was})",
            DeviationKind.ADDED: f"{self.now} (not in the baseline)",
            DeviationKind.MISSING: f"not tried (was: {self.was})",
            DeviationKind.UNUSED: f"unused, no such persona or object (was: {self.was})",
        }
        return f"{self.question}: {answers[self.kind]}"


def render_baseline(matrix: Matrix, accepted: Iterable[str] = ()) -> str:
    """The whole file. The same for every run on the same schema and world; `accepted` as `read_accepted`."""
    lines = [
        *(f"{ACCEPTED}{message}" for message in sorted(accepted)),
        *sorted(map(render_cell, told(matrix.cells))),
    ]
    return HEADER + "".join(f"{line}\n" for line in lines)


def told(cells: Iterable[Cell]) -> Iterator[Cell]:
    """Without those of made rows that are answered as the rows of the project's own world are."""
    some = tuple(cells)
    written = {cell.key: cell for cell in some if not cell.key.made}
    for cell in some:
        other = written.get(replace(cell.key, made=False)) if cell.key.made else None
        if other is None or not _says_no_more(cell, other):
            yield cell


def _says_no_more(cell: Cell, other: Cell) -> bool:
    """Whether all rows are answered as all others are, or each as one of the others in the same state is."""
    return render_answer(cell) == render_answer(other) or _by_state(cell) <= _by_state(other)


def _by_state(cell: Cell) -> set[tuple[object, ...]]:
    return {
        (frozenset(one.state.items()), result.outcome, result.sqlstate, result.effects)
        for result in cell.results
        for one in result.tries
    }


def read_accepted(text: str) -> frozenset[str]:
    """What people accepted that no cell shows."""
    lines = text.splitlines()
    return frozenset(line.removeprefix(ACCEPTED).strip() for line in lines if line.startswith(ACCEPTED))


def render_cell(cell: Cell) -> str:
    return f"{render_key(cell.key)}{_GAP}{render_answer(cell)}"


def render_key(key: CellKey) -> str:
    """The question, which is the same however it is answered."""
    return _GAP.join(key_fields(key))


def key_fields(key: CellKey) -> tuple[str, ...]:
    """The fields of a question."""
    return tuple(spell_field(part) for part in sort_key(key))


def render_answer(cell: Cell) -> str:
    """The outcome; SQLSTATE of what was rejected; what a write did besides; for which rows."""
    schema = cell.key.object.partition(".")[0]
    return "; ".join(_result(result, schema) for result in cell.results)


def render_effects(result: CellResult, *, schema: str = "") -> str:
    """Such as `credit_transactions +1, users.credits -1`; names of `schema` stand without it."""
    return ", ".join(list_effects(result, schema=schema))


def list_effects(result: CellResult, *, schema: str = "") -> list[str]:
    """One by one."""
    return [part for effect in result.effects for part in _spell_effect(effect, schema)]


def _result(result: CellResult, schema: str) -> str:
    parts = [result.outcome.value]
    if result.outcome in _WITH_SQLSTATE:
        parts.append(result.sqlstate)
    if result.when:
        parts.append(f"when {result.when}")
    if result.effects:
        parts.append(f"also {render_effects(result, schema=schema)}")
    return spell_field(" ".join(parts))


def _spell_effect(change: Effect, schema: str) -> Iterator[str]:
    table = change.table.removeprefix(f"{schema}.")
    if change.inserted:
        yield f"{table} +{change.inserted}"
    if change.deleted:
        yield f"{table} -{change.deleted}"
    rows = f" ({change.changed} rows)" if change.changed > 1 else ""
    if change.changed and not change.columns:
        yield f"{table}{rows or ' (1 row)'}"
    for name, difference in change.columns:
        yield f"{table}.{name}{'' if difference is None else f' {difference:+d}'}{rows}"


def spell_field(text: str) -> str:
    """Names may hold anything: what separates fields and lines is shown as an escape."""
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace(_GAP, " \\s") or '""'


def read_baseline(text: str, *, source: str) -> dict[str, BaselineLine]:
    """The accepted answers by question. Raises ConfigError for a line that is no cell, or is there twice."""
    found: dict[str, BaselineLine] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        *key, answer = line.rstrip().split(_GAP, _KEY_FIELDS)
        question = _GAP.join(key)
        if len(key) != _KEY_FIELDS or question in found:
            what = "is there twice" if question in found else "is not a cell"
            raise ConfigError(
                f"{source}:{number} {what}: {line}",
                fixes=("correct the line", "write the file anew: pgassay matrix --accept"),
            )
        found[question] = BaselineLine(fields=tuple(key), answer=answer, number=number)
    return found


def compare(matrix: Matrix, baseline: Mapping[str, BaselineLine]) -> tuple[Deviation, ...]:
    """Where the matrix and the baseline disagree, in the order of their lines."""
    cells = {render_key(cell.key): cell for cell in matrix.cells}
    gone = sorted(set(baseline) - set(cells))
    news = {render_key(cell.key) for cell in told(matrix.cells)}
    found = [*_of_cells(cells, news, baseline), *_of_lines(gone, baseline, matrix.cells)]
    return tuple(sorted(found, key=lambda difference: difference.question))


def _of_cells(
    cells: Mapping[str, Cell], news: Collection[str], baseline: Mapping[str, BaselineLine]
) -> Iterator[Deviation]:
    """Only of what is new a line is due."""
    for question, cell in cells.items():
        line = baseline.get(question)
        if line is None and question not in news:
            continue
        if line is None:
            yield Deviation(kind=DeviationKind.ADDED, cell=cell)
        elif line.answer != render_answer(cell):
            yield Deviation(kind=DeviationKind.CHANGED, accepted=line, cell=cell)


def _of_lines(
    gone: Sequence[str], baseline: Mapping[str, BaselineLine], cells: Sequence[Cell]
) -> Iterator[Deviation]:
    there = {key_fields(cell.key)[:2] for cell in cells}
    for line in (baseline[question] for question in gone):
        yield Deviation(
            kind=DeviationKind.MISSING if line.fields[:2] in there else DeviationKind.UNUSED, accepted=line
        )
