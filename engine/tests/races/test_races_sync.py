"""Where sessions stop inside functions, when pairs are searched."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgassay.races.arena import Arena
from pgassay.races.model import StepFate
from pgassay.races.preparation import PreparedScenario
from pgassay.workbench import Workbench
from tests.races.races_support import race, session


@pytest.fixture(scope="module")
def inside(bank: Workbench) -> Iterator[Arena]:
    with Arena(bank, inside=True) as arena:
        yield arena


def stops(arena: Arena, function: str, *shared: str) -> list[str]:
    scenario = race(session("a", f"select public.{function}()"), inside=True, shared=frozenset(shared))
    run = PreparedScenario(arena, scenario).start()
    while run.ready:
        run.repeat("a")
    events = [event for move in run.finish().moves for event in move.events]
    arena.check(scenario)
    return [event.reply.message.rpartition("#")[2] for event in events if event.fate is StepFate.PAUSED]


def test_sql_functions_are_interrupted_before_all_but_their_first_statement(inside: Arena) -> None:
    assert stops(inside, "note_and_count") == ["2"]


def test_a_function_that_is_called_is_not_interrupted_before_its_first_statement(inside: Arena) -> None:
    assert stops(inside, "read_twice") == ["2"]


def test_stops_are_at_what_may_be_about_a_shared_table(inside: Arena) -> None:
    assert stops(inside, "read_twice", "public.accounts") == ["2"]
    assert stops(inside, "read_twice", "public.log") == []


def test_views_references_and_dynamic_statements_may_be_about_more_than_they_say(inside: Arena) -> None:
    assert stops(inside, "read_by_view", "public.accounts") == ["2", "3", "4"]
    assert stops(inside, "read_by_view", "public.log") == ["3"]


def test_functions_are_rewritten_once(inside: Arena) -> None:
    assert inside.uninterrupted == ()
    assert [stops(inside, "read_twice") for _ in range(2)] == [["2"], ["2"]]
