"""The list of tables: who refers to whom, and whose the rows are."""

from __future__ import annotations

from dataclasses import replace

import html_support as support

from pgassay.catalog.tables import Surface
from pgassay.matrix.relations import Reference, find_owning, list_relations

OWNING = {
    "public.users": frozenset({"id"}),
    "public.notes": frozenset({"user_id"}),
    "public.comments": frozenset({"note_id"}),
}


def test_every_table_and_view_is_listed_by_name() -> None:
    relations = list_relations(support.make_surface(), OWNING)
    assert [(relation.name, relation.kind) for relation in relations] == [
        (support.HOSTILE_TABLE, "table"),
        ("public.comments", "table"),
        ("public.notes", "table"),
        ("public.summary", "view"),
        ("public.users", "table"),
    ]


def test_keys_and_the_path_to_the_user_are_marked() -> None:
    relations = {relation.name: relation for relation in list_relations(support.make_surface(), OWNING)}
    users, comments = relations["public.users"], relations["public.comments"]
    assert (users.primary, users.owning, users.references) == (("id",), ("id",), ())
    assert (comments.primary, comments.owning) == (("id",), ("note_id",))
    assert comments.references == (
        Reference(text="(note_id) → public.notes (id)", owning=True),
        Reference(text="(user_id) → public.users (id)", owning=False),
    )


def test_tables_that_refer_to_each_other_in_a_circle_are_listed() -> None:
    tables = (support.make_table(1, "a", keys={"b": "b"}), support.make_table(2, "b", keys={"a": "a"}))
    a, b = list_relations(Surface(tables={table.oid: table for table in tables}, rights=()), {})
    assert [reference.text for reference in (*a.references, *b.references)] == [
        "(b) → public.b (id)",
        "(a) → public.a (id)",
    ]


def test_owning_columns_are_those_by_which_rows_were_moved() -> None:
    table = support.make_table(2, "notes")
    matrix = replace(support.make_matrix(), surface=Surface(tables={2: table}, rights=()))
    assert find_owning(matrix) == {"public.notes": frozenset({"owner"})}
