"""The baseline as text: what goes in comes out, and what is not a baseline is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgassay.errors import ConfigError
from pgassay.matrix.baseline import DeviationKind, compare, read_baseline, render_baseline
from pgassay.matrix.model import Matrix


def lines(matrix: Matrix) -> list[str]:
    return [line for line in render_baseline(matrix).splitlines() if not line.startswith("#")]


def test_matrix_equals_its_own_baseline(club_matrix: Matrix) -> None:
    accepted = read_baseline(render_baseline(club_matrix), source="test")
    assert len(accepted) == len(club_matrix.cells)
    assert compare(club_matrix, accepted) == ()


def test_one_line_a_cell_sorted(club_matrix: Matrix) -> None:
    found = lines(club_matrix)
    assert len(found) == len(club_matrix.cells)
    assert found == sorted(found)


def test_long_name_changes_no_other_line(club_matrix: Matrix) -> None:
    first, *rest = club_matrix.cells
    longer = replace(first, key=replace(first.key, variant="x" * 100))
    assert len(set(lines(club_matrix)) ^ set(lines(replace(club_matrix, cells=(longer, *rest))))) == 2


def test_no_id_and_no_time_of_the_world_is_in_it(club_matrix: Matrix) -> None:
    text = render_baseline(club_matrix)
    assert "0000-4000" not in text
    assert "2026-0" not in text


def test_new_changed_and_stale_lines_are_told_apart(club_matrix: Matrix) -> None:
    first, second, *rest = lines(club_matrix)
    changed = second.rpartition("  ")[0] + "  denied_policy"
    text = "\n".join([changed, *rest, "eve  public.gone  select  -  own  allowed"])
    found = compare(club_matrix, read_baseline(text, source="test"))
    assert [(d.kind, d.line) for d in found] == [
        (DeviationKind.ADDED, 0),
        (DeviationKind.CHANGED, 1),
        (DeviationKind.UNUSED, len(rest) + 2),
    ]
    assert found[0].question == first.rpartition("  ")[0]
    assert str(found[2]) == (
        "eve  public.gone  select  -  own: unused, no such persona or object (was: allowed)"
    )


def test_comments_and_blank_lines_are_ignored() -> None:
    assert read_baseline("# a comment\n\n", source="test") == {}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("alice  public.jobs  select  -  own", "a.matrix:1 is not a cell"),
        ("# c\na  b  c  d  e  allowed\na  b  c  d  e  filtered", "a.matrix:3 is there twice"),
    ],
)
def test_broken_line_is_refused_with_its_number(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_baseline(text, source="a.matrix")
    assert caught.value.what.startswith(sentence)
