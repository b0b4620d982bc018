"""The list of tables: who refers to whom, and whose the rows are."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

from pgassay.catalog.tables import Surface, Table
from pgassay.matrix.model import Action, Cell, CellKey, Matrix, RowClass
from pgassay.matrix.page import find_owning, render_matrix_html
from pgassay.observation import Outcome
from tests.render import html_support as support

MARKS = re.compile("<[^>]*>")


def moved(table: str, column: str) -> Cell:
    """Somebody gave a row of the table to another, by this column."""
    key = CellKey(
        persona="alice",
        object=table,
        action=Action.UPDATE,
        variant=f"{column}=another's",
        rows=RowClass.OWN,
    )
    return support.make_cell(key, support.ALICE, Outcome.ALLOWED)


def listed(matrix: Matrix) -> list[list[str]]:
    """Of each table in the list: name with kind and columns, key, owning columns, references."""
    page = render_matrix_html(matrix)
    section = page.partition('<section id="tables"')[2].partition("</section>")[0]
    return [
        [
            " ".join(unescape(MARKS.sub("", span)).split())
            for span in re.findall("<span>(.*?)</span>", item, re.S)
        ]
        for item in re.findall("<li>(.*?)</li>", section, re.S)
    ]


OWNING = (moved("public.users", "id"), moved("public.notes", "user_id"), moved("public.comments", "note_id"))


def test_every_table_and_view_is_listed_by_name() -> None:
    assert [name for name, *_ in listed(support.make_matrix())] == [
        f"{support.HOSTILE_TABLE} table, 4 columns",
        "public.comments table, 5 columns",
        "public.notes table, 4 columns",
        "public.summary view, 3 columns",
        "public.users table, 3 columns",
    ]


def test_keys_and_the_path_to_the_user_are_marked() -> None:
    matrix = replace(support.make_matrix(), cells=OWNING)
    tables = {name.split()[0]: rest for name, *rest in listed(matrix)}
    assert tables["public.users"] == ["key id", "● id", ""]
    assert tables["public.comments"] == [
        "key id",
        "● note_id",
        "(note_id) → public.notes (id)(user_id) → public.users (id)",
    ]
    page = render_matrix_html(matrix)
    assert '<code class="owning">(note_id) → public.notes (id)</code>' in page
    assert '<code class="">(user_id) → public.users (id)</code>' in page


def with_tables(*tables: Table) -> Matrix:
    surface = Surface(tables={table.oid: table for table in tables}, rights=())
    return replace(support.make_matrix(), surface=surface)


def test_tables_that_refer_to_each_other_in_a_circle_are_listed() -> None:
    circle = (support.make_table(1, "a", keys={"b": "b"}), support.make_table(2, "b", keys={"a": "a"}))
    assert [references for *_, references in listed(with_tables(*circle))] == [
        "(b) → public.b (id)",
        "(a) → public.a (id)",
    ]


def test_owning_columns_are_those_by_which_rows_were_moved() -> None:
    matrix = with_tables(support.make_table(2, "notes"))
    assert find_owning(matrix) == {"public.notes": frozenset({"owner"})}
