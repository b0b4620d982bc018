"""The entity diagram: who points at whom, and whose the rows are."""

from __future__ import annotations

import html_support as support

from pgassay.catalog.tables import Catalog
from pgassay.matrix.diagram import draw_diagram, find_owning
from pgassay.matrix.layers import arrange

OWNING = {
    "public.users": frozenset({"id"}),
    "public.notes": frozenset({"user_id"}),
    "public.comments": frozenset({"note_id"}),
}


def test_tables_lie_right_of_what_they_refer_to() -> None:
    diagram = draw_diagram(support.make_catalog(), OWNING)
    places = {box.table: box for box in diagram.boxes}
    users, notes, comments = (places[f"public.{name}"] for name in ("users", "notes", "comments"))
    assert users.x + users.width < notes.x
    assert notes.x + notes.width < comments.x


def test_boxes_do_not_overlap_and_lie_inside() -> None:
    diagram = draw_diagram(support.make_catalog(), OWNING)
    boxes = diagram.boxes
    assert len(boxes) == 5
    for number, one in enumerate(boxes):
        assert 0 <= one.x <= one.x + one.width <= diagram.width
        assert 0 <= one.y <= one.y + one.height <= diagram.height
        for other in boxes[number + 1 :]:
            beside = one.x + one.width <= other.x or other.x + other.width <= one.x
            above = one.y + one.height <= other.y or other.y + other.height <= one.y
            assert beside or above, (one.table, other.table)


def test_keys_and_the_path_to_the_user_are_marked() -> None:
    diagram = draw_diagram(support.make_catalog(), OWNING)
    lines = {box.table: {line.name: line.marks for line in box.lines} for box in diagram.boxes}
    assert lines["public.users"] == {"id": ("PK", "●")}
    assert lines["public.comments"] == {"id": ("PK",), "note_id": ("FK", "●"), "user_id": ("FK",)}


def test_foreign_keys_are_lines_and_those_to_the_user_are_told_apart() -> None:
    relations = {
        relation.text: relation.owning for relation in draw_diagram(support.make_catalog(), OWNING).relations
    }
    assert relations == {
        "public.notes (user_id) → public.users (id)": True,
        "public.comments (note_id) → public.notes (id)": True,
        "public.comments (user_id) → public.users (id)": False,
        f"{support.HOSTILE_TABLE} (parent) → {support.HOSTILE_TABLE} (id)": False,
    }


def test_tables_that_refer_to_each_other_in_a_circle_are_drawn() -> None:
    tables = (support.make_table(1, "a", keys={"b": 2}), support.make_table(2, "b", keys={"a": 1}))
    diagram = draw_diagram(Catalog(tables={table.oid: table for table in tables}, rights=()), {})
    assert {box.table for box in diagram.boxes} == {"public.a", "public.b"}
    assert len(diagram.relations) == 2


def test_owning_columns_are_those_by_which_rows_were_moved() -> None:
    table = support.make_table(2, "notes")
    catalog = Catalog(tables={2: table}, rights=())
    assert find_owning(support.make_matrix(), catalog) == {"public.notes": frozenset({"owner"})}


def test_a_long_edge_has_a_lane_in_each_layer_that_it_passes() -> None:
    edges = [("d", "c"), ("c", "b"), ("b", "a"), ("d", "a")]
    layout = arrange(dict.fromkeys("abcd", 40), edges, gap=10)
    assert [layout.nodes[name].layer for name in "abcd"] == [0, 1, 2, 3]
    assert [slot.layer for slot in layout.lanes["d", "a"]] == [2, 1]
    assert layout.lanes["d", "c"] == ()
