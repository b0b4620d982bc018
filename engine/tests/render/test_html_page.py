"""The HTML page as text: it is whole, harmless and small."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from pgassay.matrix.model import Action, CellKey, Comparison, Direction, Entry, Matrix, RowClass
from pgassay.matrix.page import render_matrix_html
from pgassay.observation import Outcome
from tests.render import html_support as support

_LOADING = (
    "src",
    "href",
    "srcset",
    "action",
    "data",
    "poster",
    "background",
    "xlink:href",
    "ping",
    "formaction",
)


class Reader(HTMLParser):
    """All tags with their attributes, and the text inside each kind of element."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts.setdefault(self._open[-1], []).append(data)

    @property
    def policy(self) -> dict[str, list[str]]:
        [text] = [
            a["content"] or "" for t, a in self.tags if a.get("http-equiv") == "Content-Security-Policy"
        ]
        return {name: values for name, *values in (part.split() for part in text.split(";"))}

    @property
    def document(self) -> dict[str, list[dict[str, object]]]:
        document: dict[str, list[dict[str, object]]] = json.loads(self.texts["script"][0])
        return document


@pytest.fixture(scope="module")
def page() -> Reader:
    return Reader(render_matrix_html(support.make_matrix(), support.make_comparison(), title=support.HOSTILE))


def test_page_refers_to_nothing_outside_itself(page: Reader) -> None:
    references = [
        value for _, attributes in page.tags for name, value in attributes.items() if name in _LOADING
    ]
    assert references
    assert [value for value in references if not (value or "").startswith("#")] == []
    assert "url(" not in page.texts["style"][0]
    assert "@import" not in page.texts["style"][0]
    assert [tag for tag, _ in page.tags if tag in ("link", "iframe", "object", "embed", "base", "img")] == []


def test_page_has_no_inline_handler_and_no_inline_style(page: Reader) -> None:
    names = {name for _, attributes in page.tags for name in attributes}
    assert {name for name in names if name.startswith("on") or name == "style"} == set()


def test_hostile_names_stay_text(page: Reader) -> None:
    kinds = [attributes.get("type") for tag, attributes in page.tags if tag == "script"]
    assert kinds == ["application/json", "module"]
    assert page.texts["title"][0] == page.texts["h1"][0] == support.HOSTILE
    assert support.HOSTILE_TABLE in [found["name"] for found in page.document["objects"]]
    assert support.HOSTILE_TABLE in page.texts["a"]


def test_characters_that_turn_text_around_are_replaced() -> None:
    page = render_matrix_html(support.make_matrix(), title="safe\u202egnp")
    assert "\u202e" not in page
    assert "<title>safe\N{REPLACEMENT CHARACTER}gnp</title>" in page


def test_policy_allows_this_script_and_this_style_only(page: Reader) -> None:
    def digest(text: str) -> str:
        return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"

    assert page.policy["default-src"] == ["'none'"]
    assert page.policy["script-src"] == [digest(page.texts["script"][1])]
    assert page.policy["style-src"] == [digest(page.texts["style"][0])]
    assert page.policy["base-uri"] == page.policy["form-action"] == ["'none'"]


def test_page_of_3000_cells_is_below_a_megabyte() -> None:
    matrix = support.make_matrix(tables=60, columns=7)
    assert 3000 < len(matrix.cells) < 4000
    assert len(render_matrix_html(matrix).encode()) < 1_000_000


def test_every_cell_is_in_the_document_once() -> None:
    matrix = support.make_matrix(tables=2)
    document = Reader(render_matrix_html(matrix)).document
    rows = [row for found in document["objects"] for row in found["rows"]]  # type: ignore[attr-defined]
    assert sum(len(cells) for _, _, cells in rows) == len(matrix.cells)


def test_truncate_spans_the_columns_of_its_persona() -> None:
    document = Reader(render_matrix_html(support.make_matrix())).document
    notes = next(found for found in document["objects"] if found["name"] == support.NOTES)
    assert notes["columns"] == [[0, "another's"], [1, "own"], [1, "another's"], [2, "own"], [2, "another's"]]
    truncate = next(cells for action, _, cells in notes["rows"] if action == "truncate")  # type: ignore[attr-defined]
    assert [cell[:2] for cell in truncate] == [[0, 1], [1, 2], [3, 2]]


@pytest.mark.parametrize(
    ("comparison", "verdict"),
    [
        (None, "Executed; nothing to compare with."),
        (Comparison(base="a", head="b"), "No difference."),
        (support.make_comparison(), "Access gained."),
        (replace(support.make_comparison(), accepted=True), "Access gained, as the baseline accepts."),
        (
            Comparison(base="a", head="b", entries=(Entry(direction=Direction.LOST, message="less"),)),
            "Access differs, nothing gained.",
        ),
        (Comparison(base="a", head="b.sql", fault="syntax error"), "b.sql does not load."),
    ],
)
def test_verdict_says_what_the_comparison_found(comparison: Comparison | None, verdict: str) -> None:
    assert f"<strong>{verdict}</strong>" in render_matrix_html(support.make_matrix(), comparison)


def test_a_cell_that_went_wrong_is_not_judged() -> None:
    key = CellKey(persona="bob", object="public.t", action=Action.DELETE, variant="-", rows=RowClass.OWN)
    broken = Matrix(cells=(support.make_cell(key, support.BOB, Outcome.ERROR),), gaps=(), probes=1, seconds=0)
    assert "<strong>Not judged: 1 cells went wrong.</strong>" in render_matrix_html(
        broken, support.make_comparison()
    )


def test_page_of_nothing_at_all_is_a_page() -> None:
    empty = render_matrix_html(Matrix(cells=(), gaps=(), probes=0, seconds=0))
    assert re.search("<h1>Access matrix</h1>", empty)
    assert 'id="tables"' not in empty
