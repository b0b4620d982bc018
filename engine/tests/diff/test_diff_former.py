"""What BASE asks, in HEAD's database: names of functions, missing columns, and what the clock decides."""

from __future__ import annotations

import pytest

from pgassay.catalog.inventory import Inventory
from pgassay.catalog.model import ObjectKey
from pgassay.diff.former import Former, fit_insert, fit_world
from pgassay.diff.queries import Departure, contrast
from pgassay.diff.questions import read_query
from pgassay.diff.volatile import open_all
from pgassay.solver.model import Reason
from pgassay.world.model import MadeRow, World

FORMER = Former(names=frozenset({("private", "is_member"), ("public", "me")}))


@pytest.mark.parametrize(
    ("text", "renamed"),
    [
        ("private.is_member(team)", 'pgassay_base."private.is_member"(team)'),
        ("owner = (select me())", 'owner = (select pgassay_base."public.me"())'),
        ('"private"."is_member"(1)', 'pgassay_base."private.is_member"(1)'),
        ("as $f$ select public.me() $f$", 'as $f$ select pgassay_base."public.me"() $f$'),
        ("other.me(1) and me = 2 and 'me()' <> ''", "other.me(1) and me = 2 and 'me()' <> ''"),
        ("'unterminated", "'unterminated"),
    ],
)
def test_calls_of_functions_that_head_has_otherwise_get_base_s(text: str, renamed: str) -> None:
    assert FORMER.rename(text) == renamed


def test_row_is_made_in_base_without_the_columns_that_it_lacks() -> None:
    columns = {"public.notes": {"id", "Two words"}}
    insert = """insert into public.notes (id, shared, "Two words") values ('1', 'true', null)"""
    fitted = """INSERT INTO public.notes (id, "Two words") VALUES ('1', NULL)"""
    assert fit_insert(insert, columns) == fitted
    assert fit_insert(fitted, columns) == fitted
    assert fit_insert("update public.notes set shared = true", columns).startswith("update")


def test_row_is_made_in_base_by_the_names_that_its_columns_have_there() -> None:
    base, head = (
        Inventory(
            objects={ObjectKey("column", "public.notes", name): {"type": t} for name, t in columns.items()}
        )
        for columns in (
            {"id": "uuid", "title": "text", "a": "date"},
            {"id": "uuid", "heading": "text", "b": "int4", "c": "int4"},
        )
    )
    text = "insert into public.notes (id, heading, b) values ('1', 'x', '2')"
    made = MadeRow(table="public.notes", whose="alice", statements=(text,), why="")
    [fitted] = fit_world(World(made=(made,)), base, head).statements
    assert fitted == "INSERT INTO public.notes (id, title) VALUES ('1', 'x')"
    assert fit_world(World(made=(made,)), head, head).statements == (text,)


@pytest.mark.parametrize(
    ("text", "reason", "opened", "words"),
    [
        ("now() > '2094-03-02'", Reason.CLOCK, "TRUE", ["from {} on"]),
        ("'2094-03-02'::date > current_date", Reason.CLOCK, "TRUE", ["until {}"]),
        ("not (random() > 0.5) and a = 1", Reason.CHANCE, "NOT FALSE AND a = 1", [""]),
        ("now() > published", Reason.CLOCK, "now() > published", []),
        ("random() > 0.5", Reason.CLOCK, "random() > 0.5", []),
    ],
)
def test_parts_that_only_the_clock_or_chance_decides_are_opened(
    text: str, reason: Reason, opened: str, words: list[str]
) -> None:
    new, openings = open_all(text, reason)
    assert new == opened
    assert [one.word for one in openings] == words


def test_part_that_base_has_too_stays() -> None:
    assert open_all("random() > 0.5 or a = 1", Reason.CHANCE, "a = 2 and random() > 0.5")[1] == ()


def test_queries_are_compared_where_they_look_for_the_same_rows() -> None:
    before = read_query("select a from t where b = 1; delete from u where c = 1")
    after = read_query("select a, b from t where b = 1 or d = 2; delete from u where c = 1")
    assert list(contrast(before, after)) == [
        Departure("EXISTS (SELECT 1 FROM t WHERE (b = 1 OR d = 2) AND b = 1 IS NOT TRUE)", widens=True)
    ]
    assert list(contrast(before, before)) == []
    narrower = read_query(
        "select a from t inner join m on m.id = t.id where b = 1; delete from u where c = 1"
    )
    assert [one.widens for one in contrast(before, narrower)] == [False]


def test_row_of_a_table_that_has_moved_is_made_where_it_was() -> None:
    statements = (
        "select setval(pg_get_serial_sequence('hidden.things', 'id'), 7)",
        "insert into hidden.things (id) values ('8')",
    )
    world = World(made=(MadeRow(table="hidden.things", whose="", statements=statements, why=""),))
    base, head = (
        Inventory(objects={ObjectKey("column", f"{schema}.things", "id"): {"type": "integer"}})
        for schema in ("private", "hidden")
    )
    [made] = fit_world(world, base, head).made
    assert made.statements == (
        "SELECT setval(pg_get_serial_sequence('private.things', 'id'), 7)",
        "INSERT INTO private.things (id) VALUES ('8')",
    )
