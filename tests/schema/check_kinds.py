"""The usual kinds of CHECK constraint, each as the values around its bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rows import ALICE, BOB

Values = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Case:
    """Changes to the table's row in check_cases.ROWS: each of `bad` breaks the constraint, no `good` does."""

    table: str
    bad: tuple[Values, ...]
    good: tuple[Values, ...]


def text(table: str, column: str, *, at_least: int = 0, at_most: int) -> Case:
    """A length between bounds, counted in characters and not in bytes."""
    good = tuple({column: "é" * length} for length in (max(at_least, 1), at_most))
    empty = ({column: ""},)
    return Case(
        table=table,
        bad=({column: "é" * (at_most + 1)}, *(empty if at_least else ())),
        good=good if at_least else (*good, *empty),
    )


def number(table: str, column: str, *, low: Any, high: Any, step: Any = 1) -> Case:
    """A range, down to one `step` outside it; a column with decimals must refuse NaN too."""
    bad = [{column: low - step}, {column: high + step}]
    return Case(
        table=table,
        bad=tuple(bad) if isinstance(step, int) else (*bad, {column: "NaN"}),
        good=({column: low}, {column: high}),
    )


def not_negative(table: str, column: str) -> Case:
    return Case(
        table=table,
        bad=({column: -1},),
        good=({column: 0}, {column: 2147483647}),
    )


def one_of(table: str, column: str, *values: str) -> Case:
    bad = ({column: "other"}, {column: ""}, {column: values[0] + " "})
    return Case(table=table, bad=bad, good=tuple({column: value} for value in values))


def json_text(table: str, column: str, *, at_most: int, arrays: bool = False) -> Case:
    """An object (or array) of at most so many bytes as text; the jsonb null is neither."""
    frame = len('{"k": ""}')
    bad = [{column: text} for text in ("null", '"text"', "1", "true")]
    bad.append({column: f'{{"k": "{"x" * (at_most - frame + 1)}"}}'})
    array = {column: "[]"}
    good = [{column: "{}"}, {column: f'{{"k": "{"x" * (at_most - frame)}"}}'}]
    (good if arrays else bad).append(array)
    return Case(table=table, bad=tuple(bad), good=tuple(good))


def document(table: str, column: str, *, at_most: int) -> Case:
    """So many bytes as jsonb stores them, uncompressed; its type is a trigger's to judge."""
    # The sizes of value and container, a word each for key and string, the key: all but the string.
    frame = 4 + 4 + 2 * 4 + len("k")
    fitting, excessive = (f'{{"k": "{"x" * (at_most - frame + excess)}"}}' for excess in (0, 1))
    return Case(table=table, bad=({column: excessive},), good=({column: "[]"}, {column: fitting}))


def own_path(column: str) -> Case:
    """In the owner's folder, without a segment that climbs out of it."""
    names = (
        *(f"{BOB}/a.mp4", "a.mp4", f"/{ALICE}/a.mp4", ALICE, f"{ALICE}0/a.mp4", f"{ALICE.upper()}/a.mp4", ""),
        *(f"{ALICE}/", f"{ALICE}//a", f"{ALICE}/../{BOB}/a", f"{ALICE}/..", f"{ALICE}/./a", f"{ALICE}/a/"),
        *(f"{ALICE}/a\\b", f"{ALICE}/a\nb", f"{ALICE}/{'x' * (1025 - 37)}"),
    )
    good = (f"{ALICE}/a.mp4", f"{ALICE}/b/..c/d.", f"{ALICE}/…", f"{ALICE}/{'x' * (1024 - 37)}")
    return Case(table="jobs", bad=tuple({column: n} for n in names), good=tuple({column: n} for n in good))
