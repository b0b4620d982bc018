"""Two matrices, cell by cell: what counts as more access, as less, and as something else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from pgassay.diff.comparison import CellDifference, compare_cells
from pgassay.matrix.model import (
    Action,
    Cell,
    CellKey,
    CellResult,
    Direction,
    Effect,
    Effects,
    Matrix,
    RowClass,
    Try,
    Witness,
)
from pgassay.observation import Outcome, Persona

BOB = Persona(name="bob", role="authenticated")
KEY = CellKey(persona="bob", object="public.t", action=Action.UPDATE, variant="a", rows=RowClass.OTHER)
DRAFT, SENT = {"state": "draft"}, {"state": "sent"}


def witness(statement: str) -> Witness:
    return Witness(persona=BOB, statement=statement)


def result(
    outcome: Outcome, *states: Mapping[str, str], sqlstate: str = "", effects: Effects = ()
) -> CellResult:
    tries = tuple(Try(state=state, witness=witness(f"row {state}")) for state in states or ({},))
    return CellResult(
        outcome=outcome,
        sqlstate=sqlstate,
        effects=effects,
        witness=tries[0].witness,
        tries=tries,
        rows=len(tries),
    )


def compare(before: list[CellResult], after: list[CellResult]) -> list[CellDifference]:
    def matrix(results: list[CellResult]) -> Matrix:
        cells = (Cell(key=KEY, results=tuple(results)),) if results else ()
        return Matrix(cells=cells, gaps=(), probes=0, seconds=0)

    return list(compare_cells(matrix(before), matrix(after)))


ALLOWED, FILTERED, REJECTED = Outcome.ALLOWED, Outcome.FILTERED, Outcome.REJECTED


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param([result(Outcome.DENIED_GRANT)], [result(ALLOWED)], id="denied before"),
        pytest.param([result(FILTERED)], [result(ALLOWED)], id="filtered before"),
        pytest.param([result(REJECTED, sqlstate="23514")], [result(ALLOWED)], id="rejected before"),
        pytest.param([result(Outcome.DENIED_POLICY)], [result(REJECTED)], id="past the policy"),
        pytest.param([], [result(ALLOWED)], id="no such cell before"),
        pytest.param(
            [result(ALLOWED, DRAFT), result(FILTERED, SENT)],
            [result(ALLOWED, DRAFT, SENT)],
            id="another state",
        ),
        pytest.param(
            [result(ALLOWED, DRAFT), result(FILTERED, DRAFT)],
            [result(ALLOWED, DRAFT, DRAFT)],
            id="another row",
        ),
        pytest.param(
            # A role without the privilege is tried on one row only.
            [result(Outcome.DENIED_GRANT, SENT)],
            [result(ALLOWED, DRAFT), result(FILTERED, SENT)],
            id="a state that was not tried",
        ),
    ],
)
def test_more_access_is_gained_and_the_reverse_is_lost(
    before: list[CellResult], after: list[CellResult]
) -> None:
    assert [one.direction for one in compare(before, after)] == [Direction.GAINED]
    assert [one.direction for one in compare(after, before)] == [Direction.LOST]


def test_gain_names_the_rows_it_is_new_for_and_shows_one_of_them() -> None:
    [gain] = compare([result(ALLOWED, DRAFT), result(FILTERED, SENT)], [result(ALLOWED, DRAFT, SENT)])
    assert (gain.when, gain.witness.statement) == ("state=sent", f"row {SENT}")
    assert gain.before is not None
    assert gain.before.outcome is FILTERED


def test_access_that_moves_from_one_state_to_another_is_both_gained_and_lost() -> None:
    moved = compare(
        [result(ALLOWED, DRAFT), result(FILTERED, SENT)], [result(ALLOWED, SENT), result(FILTERED, DRAFT)]
    )
    assert [(one.direction, one.when) for one in moved] == [
        (Direction.GAINED, "state=sent"),
        (Direction.LOST, "state=draft"),
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param([result(ALLOWED, DRAFT)], [result(ALLOWED, DRAFT, SENT)], id="a row more in the world"),
        pytest.param(
            [result(ALLOWED, DRAFT)], [result(ALLOWED, DRAFT | {"new": "null"})], id="a new column of the row"
        ),
        pytest.param([result(FILTERED, DRAFT)], [result(FILTERED, SENT)], id="other rows, as refused"),
        pytest.param([], [result(FILTERED)], id="a new cell that is refused"),
    ],
)
def test_other_rows_alone_are_no_difference(before: list[CellResult], after: list[CellResult]) -> None:
    assert compare(before, after) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(result(Outcome.DENIED_GRANT), result(FILTERED), id="refused otherwise"),
        pytest.param(
            result(REJECTED, sqlstate="23514"), result(REJECTED, sqlstate="PT409"), id="another code"
        ),
        pytest.param(
            result(ALLOWED), result(ALLOWED, effects=(Effect(table="log", inserted=1),)), id="does more"
        ),
    ],
)
def test_same_reach_in_another_way_is_changed(before: CellResult, after: CellResult) -> None:
    assert [one.direction for one in compare([before], [after])] == [Direction.CHANGED]


def rows_of(outcome: Outcome, *names: str) -> CellResult:
    tries = tuple(
        Try(state=DRAFT, witness=Witness(persona=BOB, statement=f"row {name}", row=name)) for name in names
    )
    return replace(result(outcome), tries=tries, witness=tries[0].witness, rows=len(tries))


@pytest.mark.parametrize(
    ("after", "direction"),
    [
        ([rows_of(ALLOWED, "id = 3"), rows_of(REJECTED, "id = 1", "id = 2")], Direction.NEW),
        ([rows_of(ALLOWED, "id = 2", "id = 3"), rows_of(REJECTED, "id = 1")], Direction.GAINED),
        ([rows_of(ALLOWED, "id = 3"), rows_of(REJECTED, "id = 1")], Direction.GAINED),
    ],
    ids=["only the row that came", "one that was there too", "one that was refused is not there"],
)
def test_row_that_came_is_new_and_no_gain(after: list[CellResult], direction: Direction) -> None:
    [difference] = compare([rows_of(REJECTED, "id = 1", "id = 2")], after)
    assert difference.direction is direction


def test_row_that_came_beside_one_that_was_open_is_new() -> None:
    before = [rows_of(ALLOWED, "id = 1"), rows_of(REJECTED, "id = 2")]
    after = [rows_of(ALLOWED, "id = 1", "id = 3"), rows_of(REJECTED, "id = 2")]
    [difference] = compare(before, after)
    assert (difference.direction, difference.witness.row) == (Direction.NEW, "id = 3")
