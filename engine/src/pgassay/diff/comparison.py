"""Compare the cells of two matrices: who can do more, who less, what else is different. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from pgassay.matrix.cells import describe_groups
from pgassay.matrix.model import Cell, CellKey, CellResult, Direction, Matrix, Try, Witness
from pgassay.observation import Outcome

State = frozenset[tuple[str, str]]

_RANKS = {Outcome.ALLOWED: 2, Outcome.REJECTED: 1}
"""A constraint or trigger that refuses is the last obstacle, behind privileges and policies."""


@dataclass(frozen=True, kw_only=True)
class CellDifference:
    """One cell that is not as it was: the answers that differ, `before` and `after`; None for no such cell.

    `witness` shows what is new; where access was lost, what used to work. `witnesses` are of all rows that it
    is true for. `behind`: what refuses them on both sides, though on one a trigger does so sooner.
    """

    direction: Direction
    key: CellKey
    before: CellResult | None
    after: CellResult | None
    witness: Witness
    when: str = ""
    witnesses: tuple[Witness, ...] = ()
    behind: tuple[Outcome, ...] = ()


def compare_cells(base: Matrix, head: Matrix) -> Iterator[CellDifference]:
    """All differences, in the order of the cells of `head`, then those that only `base` has."""
    old, new = ({cell.key: cell for cell in matrix.cells} for matrix in (base, head))
    for key in (*new, *(key for key in old if key not in new)):
        # Of made rows that only one side has, the rows that both have tell.
        if (key in old and key in new) or not _is_of_both(key, old, new):
            yield from _compare(old.get(key), new.get(key))


def _is_of_both(key: CellKey, *sides: Mapping[CellKey, Cell]) -> bool:
    """Whether it is a question about made rows, and both answer it for others."""
    return key.made and all(replace(key, made=False) in cells for cells in sides)


def _rank(result: CellResult) -> int:
    return _RANKS.get(result.outcome, 0)


def _compare(before: Cell | None, after: Cell | None) -> Iterator[CellDifference]:
    if before is None or after is None:
        yield from _one_sided(before, after)
    elif _answers(before) != _answers(after):
        moved = [_find_move(direction, before, after) for direction in (Direction.GAINED, Direction.LOST)]
        yield from filter(None, moved) if any(moved) else _otherwise(before, after)


def _one_sided(before: Cell | None, after: Cell | None) -> Iterator[CellDifference]:
    """A cell that only one side has, where it lets anybody do anything."""
    for cell in filter(None, (before, after)):
        first = cell.results[0]
        if _rank(first):
            yield CellDifference(
                direction=Direction.GAINED if after else Direction.LOST,
                key=cell.key,
                before=first if before else None,
                after=first if after else None,
                witness=first.witness,
            )


def _answers(cell: Cell) -> list[tuple[object, ...]]:
    """All that is compared, row by row."""
    return [(r.outcome, r.sqlstate, r.effects, [t.state for t in r.tries]) for r in cell.results]


def _otherwise(before: Cell, after: Cell) -> Iterator[CellDifference]:
    """The same reach, but refused otherwise or with other effects."""
    old = {(r.outcome, r.sqlstate, r.effects): r for r in before.results}
    new = {(r.outcome, r.sqlstate, r.effects): r for r in after.results}
    came = [result for answer, result in new.items() if answer not in old]
    went = [result for answer, result in old.items() if answer not in new]
    if came or went:
        yield CellDifference(
            direction=Direction.CHANGED,
            key=after.key,
            before=(went or list(old.values()))[0],
            after=(came or list(new.values()))[0],
            witness=(came or list(new.values()))[0].witness,
            when=came[0].when if came else "",
        )


def _find_move(direction: Direction, before: Cell, after: Cell) -> CellDifference | None:
    """The most open answer of one side to rows that the other answered less openly."""
    less, more = (before, after) if direction is Direction.GAINED else (after, before)
    features = _common_features(less, more)
    for rank in sorted(set(_RANKS.values()), reverse=True):
        old, new = _reach(less, features, rank), _reach(more, features, rank)
        refused = _reach(less, features, 0) - old
        grown = {state for state in new if _is_wider(state, old, new, refused)}
        if grown:
            examples = _examples(more, features, rank, grown)
            result, example = _clearest(examples, less, rank)
            answers = (_answer_for(less, example), result)
            was, now = answers if direction is Direction.GAINED else reversed(answers)
            is_new = direction is Direction.GAINED and _are_new_rows(before, after)
            return CellDifference(
                direction=Direction.NEW if is_new else direction,
                key=after.key,
                before=was,
                after=now,
                witness=example.witness,
                when=_describe(grown, more, features),
                witnesses=tuple(dict.fromkeys(one.witness for _, one in examples)),
            )
    return None


def _are_new_rows(before: Cell, after: Cell) -> bool:
    """Whether each row of BASE is answered in HEAD as it was: then it is for others that more is open."""
    theirs, ours = (
        {t.witness.row: _rank(r) for r in cell.results for t in _tries(r) if t.witness.row}
        for cell in (before, after)
    )
    return bool(theirs) and all(ours.get(row) == rank for row, rank in theirs.items())


def _describe(grown: set[State], cell: Cell, features: frozenset[str]) -> str:
    """What tells rows of these states from the others that were tried; "" where nothing has to."""
    tried = [one.state for result in cell.results for one in _tries(result)]
    groups = [
        [one for one in tried if (_state(one, features) in grown) is wanted] for wanted in (True, False)
    ]
    return describe_groups(groups)[0] if groups[1] else ""


def _is_wider(state: State, old: Counter[State], new: Counter[State], refused: Counter[State]) -> bool:
    """More rows of this state than before, and not only because the other side has no such row to try."""
    if new[state] <= old[state]:
        return False
    tried = old[state] + refused[state]
    return refused[state] > 0 if tried else refused.total() > 0


def _tries(result: CellResult) -> tuple[Try, ...]:
    """The rows of an answer; what needs no row was tried once."""
    return result.tries or (Try(state={}, witness=result.witness),)


def _common_features(one: Cell, other: Cell) -> frozenset[str]:
    names = [{name for r in cell.results for t in _tries(r) for name in t.state} for cell in (one, other)]
    return frozenset(names[0] & names[1])


def _state(state: Mapping[str, str], features: frozenset[str]) -> State:
    return frozenset((name, value) for name, value in state.items() if name in features)


def _reach(cell: Cell, features: frozenset[str], rank: int) -> Counter[State]:
    """How many rows of each state were answered at least this openly."""
    return Counter(
        _state(t.state, features) for result in cell.results if _rank(result) >= rank for t in _tries(result)
    )


def _examples(
    cell: Cell, features: frozenset[str], rank: int, grown: set[State]
) -> list[tuple[CellResult, Try]]:
    """The rows of the states that grew."""
    return [
        (result, one)
        for result in cell.results
        if _rank(result) >= rank
        for one in _tries(result)
        if _state(one.state, features) in grown
    ]


def _clearest(found: list[tuple[CellResult, Try]], before: Cell, rank: int) -> tuple[CellResult, Try]:
    """One row of these; where several are of its state, one that was not reached before."""
    # A statement may write what is drawn anew; the condition that names its row does not.
    reached = {
        t.witness.row or t.witness.statement for r in before.results if _rank(r) >= rank for t in _tries(r)
    }
    fresh = ((r, one) for r, one in found if (one.witness.row or one.witness.statement) not in reached)
    return next(fresh, found[0])


def _answer_for(cell: Cell, example: Try) -> CellResult:
    """What the other side answered to the same row, or to one of the same state, or at least refused."""
    pairs = [(result, one) for result in cell.results for one in _tries(result)]
    same = [result for result, one in pairs if one.witness.statement == example.witness.statement]
    alike = [result for result, one in pairs if one.state == example.state]
    # One SELECT looks for many rows: its statement alone does not tell which.
    found = [result for result in (*same, *alike, *cell.results) if result in alike or not alike]
    return min(found, key=_rank)
