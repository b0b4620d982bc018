"""Where one statement is interrupted, and where that need not be tried."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgassay.races.anomalies import SerialComparison
from pgassay.races.anomaly import Compared, Kind
from pgassay.races.arena import Arena
from pgassay.workbench import Workbench
from tests.races.races_support import race, session

_SERIAL = 3  # schedules: both twice, one alone
TABLES = frozenset(("public.accounts", "public.log"))


@pytest.fixture(scope="module")
def inside(bank: Workbench) -> Iterator[Arena]:
    with Arena(bank, inside=True) as arena:
        yield arena


def compare(arena: Arena, first: str, second: str, shared: frozenset[str] = TABLES) -> Compared:
    sessions = (session("a", f"select {first}"), session("b", f"select {second}"))
    return SerialComparison(arena, race(*sessions, inside=True, shared=shared)).compare()


def test_a_lost_update_is_found_after_a_handler_of_errors_has_undone_what_was_counted(inside: Arena) -> None:
    call = "public.add_after_an_error(1)"
    found = compare(inside, call, call).anomaly
    assert found
    assert found.kind is Kind.LOST_UPDATE


def test_where_the_other_one_waits_at_the_same_place_not_each_point_is_tried(inside: Arena) -> None:
    call = "public.add_with_a_lock(1)"
    compared = compare(inside, call, call)
    assert compared.anomaly is None
    # Of six points behind the lock and the end only the first and the last.
    assert compared.schedules == _SERIAL + 2


def test_each_point_is_tried_where_nobody_waits(inside: Arena) -> None:
    first, second = "public.add_with_a_lock(2)", "public.note_only()"
    compared = compare(inside, first, second, frozenset())
    # Six points of one, two of the other, and the end of each.
    assert (compared.anomaly, compared.cut, compared.schedules) == (None, False, _SERIAL + 2 + 7 + 3)


def test_of_two_that_are_apart_a_few_points_are_tried(inside: Arena) -> None:
    sessions = (session("a", "select public.add_with_a_lock(2)"), session("b", "select public.note_only()"))
    compared = SerialComparison(inside, race(*sessions, inside=True)).compare(apart=4)
    assert (compared.anomaly, compared.cut, compared.schedules) == (None, True, _SERIAL + 2 + 4 + 3)


def test_nothing_is_tried_of_two_that_share_no_table(inside: Arena) -> None:
    compared = compare(inside, "public.note_only()", "public.add_after_an_error(2)")
    assert (compared.anomaly, compared.why, compared.schedules) == (None, "", _SERIAL + 2)


def test_an_anomaly_shows_again_on_another_load(bank: Workbench, inside: Arena) -> None:
    call = "public.add_after_an_error(2)"
    sessions = (session("a", f"select {call}"), session("b", f"select {call}"))
    scenario = race(*sessions, inside=True, shared=TABLES)
    found = SerialComparison(inside, scenario).compare().anomaly
    assert found
    with Arena(bank, inside=True) as other:
        assert SerialComparison(other, scenario).shows(found.trial)
