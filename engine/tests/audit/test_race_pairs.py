"""Which acts race with which, and the locks that repairs put on reads. Pure."""

from __future__ import annotations

from typing import Any

import pytest

from pgassay.audit.acts import Act
from pgassay.audit.rules.races.pairs import candidate_pairs
from pgassay.audit.rules.races.repairs import _locked
from pgassay.observation import Persona

ALICE = Persona(name="alice", role="authenticated", claims={"sub": "a"})
BOB = Persona(name="bob", role="authenticated", claims={"sub": "b"})


def act(name: str, persona: Persona = ALICE, **more: Any) -> Act:
    facts = {"statement": f"select {name}()", "uses": frozenset(["t"]), "written": frozenset(["t"])}
    return Act(**{"object": name, "verb": "execute", "persona": persona, **facts, **more})


def pairs(*acts: Act, of_each: int = 1) -> list[tuple[str, str]]:
    found = candidate_pairs(acts, of_each=of_each)
    return [
        (f"{p.first.persona.name} {p.first.statement}", f"{p.second.persona.name} {p.second.statement}")
        for p in found
    ]


def test_the_same_comes_first_then_by_two_then_different_ones() -> None:
    f, bobs, g = act("f"), act("f", BOB), act("g")
    assert pairs(f, bobs, g) == [
        ("alice select f()", "alice select f()"),
        ("alice select g()", "alice select g()"),
        ("alice select f()", "bob select f()"),
        ("alice select f()", "alice select g()"),
    ]


def test_two_do_the_same_only_where_it_matters_who_does_it() -> None:
    f, bobs = act("f", asks_who=False), act("f", BOB, asks_who=False)
    assert pairs(f, bobs) == [("alice select f()", "alice select f()")]


def test_writes_of_ones_own_rows_are_the_same_by_two() -> None:
    own = act("t", verb="insert", statement="insert a")
    bobs = act("t", BOB, verb="insert", statement="insert b")
    assert ("alice insert a", "bob insert b") in pairs(own, bobs)


@pytest.mark.parametrize(
    ("other", "meets"),
    [
        ({"uses": frozenset("tu"), "written": frozenset("u")}, True),
        ({"uses": frozenset("u"), "written": frozenset("u")}, False),
        ({"setup": ("delete from t",)}, False),
    ],
)
def test_different_acts_meet_where_one_writes_what_the_other_uses(other: dict[str, Any], meets: bool) -> None:
    assert (("alice select f()", "alice select g()") in pairs(act("f"), act("g", **other))) is meets


def test_more_pairs_of_each_are_for_the_search() -> None:
    some = [act("f", statement=f"select f({number})") for number in range(3)]
    assert len(pairs(*some)) == 1
    assert len(pairs(*some, of_each=2)) == 4


@pytest.mark.parametrize(
    ("read", "locked"),
    [
        ("select a into b from t;", "select a into b from t for update;"),
        ("select a from t for update skip locked ;", "select a from t for update;"),
        ("perform 1 from t for share;", "perform 1 from t for update;"),
        ("select substring(a for 2) from t\n;", "select substring(a for 2) from t for update;"),
    ],
)
def test_reads_are_locked_in_place_of_what_they_said_of_locks(read: str, locked: str) -> None:
    assert _locked(read, "for update") == locked
