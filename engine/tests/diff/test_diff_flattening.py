"""Expressions that differ in words alone are the same condition."""

from __future__ import annotations

import pytest

from pgassay.diff.flattening import expand, flatten
from pgassay.diff.narrowing import narrow

BODIES = {
    ("public", "me"): " select auth.uid() ",
    ("public", "any_owner"): "select owner from public.documents",
}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("owner = (select public.me() as me)", "owner = (select auth.uid() as uid)"),
        (
            "exists (select 1 as a from t where who = public.me())",
            "exists (select 1 from t where who = auth.uid())",
        ),
    ],
)
def test_words_that_nobody_reads(one: str, other: str) -> None:
    assert flatten(one, BODIES) == flatten(other, {})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("owner = public.me()", "owner = auth.role()"),
        ("owner = public.me(1)", "owner = auth.uid()"),
        ("owner = me()", "owner = auth.uid()"),
        ("owner = public.any_owner()", "owner = owner"),
        (
            "exists (select 1 from (select a as x, b as y from t) as s where s.x = 1)",
            "exists (select 1 from (select a as y, b as x from t) as s where s.x = 1)",
        ),
    ],
    ids=["another function", "argument", "whose", "of a table", "names that are read"],
)
def test_what_decides_stays(one: str, other: str) -> None:
    assert flatten(one, BODIES) != flatten(other, {})


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("seen or owner = a", "COALESCE(state = 'x') OR owner = a"),
        ("t.* is null or seen is null", "t.* IS NULL OR COALESCE(state = 'x') IS NULL"),
        ("owner = a", "owner = a"),
        ("exists (select from t where seen)", "EXISTS (SELECT FROM t WHERE seen)"),
    ],
)
def test_generated_column_stands_for_what_it_is_made_of(text: str, expanded: str) -> None:
    assert expand(text, {"seen": "(state = 'x')"}) == expanded


@pytest.mark.parametrize(
    ("head", "base", "narrowed"),
    [
        (
            "mine and exists (select from l where l.x = r.x)",
            "mine and exists (select from l where l.x = r.x and l.due > now())",
            "mine AND EXISTS (SELECT FROM l WHERE l.x = r.x AND (l.x = r.x AND l.due > now()) IS NOT TRUE)",
        ),
        (
            "x in (select l.x from l)",
            "x in (select l.x from l where l.ok)",
            "x IN (SELECT l.x FROM l WHERE l.ok IS NOT TRUE)",
        ),
        (
            "exists (select from l where a)",
            "exists (select from k where b)",
            "EXISTS (SELECT FROM l WHERE a)",
        ),
        ("exists (select from l where a)", "true", "EXISTS (SELECT FROM l WHERE a)"),
        ("a = 'b", "c", "a = 'b"),
    ],
)
def test_a_subquery_is_narrowed_to_what_base_does_not_find(head: str, base: str, narrowed: str) -> None:
    assert narrow(head, base) == narrowed
