"""The usual kinds of CHECK constraint, each as the values around its bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.shared.rows import ALICE, BOB

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
    """So many bytes as jsonb stores them, uncompressed."""
    # The sizes of value and container, a word each for key and string, the key: all but the string.
    frame = 4 + 4 + 2 * 4 + len("k")
    fitting, excessive = (f'{{"k": "{"x" * (at_most - frame + excess)}"}}' for excess in (0, 1))
    return Case(table=table, bad=({column: excessive},), good=({column: "[]"}, {column: fitting}))


def plain(table: str, column: str) -> Case:
    """No line breaks or other controls, no marks that turn the direction of text."""
    marks = ("\x01", "\t", "\n", "\r", "\x1f", "\x7f", "\x85", "\x9f", "\u061c", "\u200e", "\u200f", "\u2028")
    turns = ("\u2029", "\u202a", "\u202e", "\u2066", "\u2069")
    fine = (" ", "~", "\xa0", "é", "ก", "\u061b", "\u200d", "\u2027", "\u202f", "\u2065", "\u206a", "😀")
    return Case(
        table=table,
        bad=(
            *({column: f"a{mark}b"} for mark in (*marks, *turns)),
            *({column: text} for text in ("\na", "a\n", "a \u202e b")),
        ),
        good=tuple({column: f"a{mark}b"} for mark in fine),
    )


def web(table: str, column: str) -> Case:
    """An address that a browser may fetch an image from, and nothing that it would run."""
    bad = (
        *(
            "javascript:alert(1)",
            "data:text/html,x",
            "//example.com/a",
            "ftp://a",
            "a",
            "",
            "https://",
            "http:/a",
        ),
        *(" https://a", "https://a b", "https://a\n", "https://a\tb", "x\nhttps://a", "https://a\\b"),
        *(
            "https://a<b",
            "https://a>b",
            'https://a"b',
            "https://a'b",
            "https://a`b",
            "https://a\x7f",
            "blob:https://a",
        ),
    )
    good = ("https://a", "http://a", "HTTPS://A/é?x=%20#y", "https://user@a:1/(b);c,d!$&*+=~[]{}|^")
    return Case(table=table, bad=tuple({column: b} for b in bad), good=tuple({column: g} for g in good))


def own_path(column: str) -> Case:
    """In the owner's folder, in the characters of a key, without a segment that climbs out of it."""
    outside = (f"{BOB}/a.mp4", "a.mp4", f"/{ALICE}/a.mp4", ALICE, f"{ALICE}0/a.mp4", f"{ALICE.upper()}/a.mp4")
    tails = (
        *("", "/a", "..", f"../{BOB}/a", "a/../b", "./a", "a/./b", "a/", "a/.", "a//b", "x" * (1025 - 37)),
        # What parsers of addresses read otherwise than it is written.
        *(
            "%2e%2e/a",
            "%2E./a",
            "a%2fb",
            "a?b",
            "a#b",
            "a\\b",
            "..\\a",
            "a\nb",
            "a\tb",
            "a\rb",
            ".\t./a",
            "a\x7fb",
        ),
        *(
            " a",
            "a ",
            "a /b",
            "a/ b",
            ".. /a",
            " ../a",
            ". /a",
            "a/.. ",
            "\u2025/a",
            "\uff0e\uff0e/a",
            "a\u00a0",
        ),
        *(
            "\uff21.mp4",
            "é.mp4",
            "ก.mp4",
            "…",
            "a|b",
            "a<b",
            "a>b",
            'a"b',
            "a`b",
            "a^b",
            "a{b}",
            "a[b]",
            "a~b",
        ),
    )
    good = (
        *("a.mp4", "b/..c/d.", "...", ".a", "a..", "a b.mp4", "x" * (1024 - 37)),
        "AZaz09-_!.*'() &$@=;:+,/a",
    )
    return Case(
        table="jobs",
        bad=tuple({column: path} for path in (*outside, "", *(f"{ALICE}/{tail}" for tail in tails))),
        good=tuple({column: f"{ALICE}/{tail}"} for tail in good),
    )
