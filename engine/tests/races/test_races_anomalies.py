"""Outcomes that no serial order gives, and those that only look so."""

from __future__ import annotations

from pgassay.races.anomalies import SerialComparison
from pgassay.races.anomaly import Anomaly, Compared, Kind
from pgassay.races.arena import Arena
from pgassay.races.exploration import explore
from pgassay.races.report import spell_schedule
from tests.races.races_support import LOST_UPDATE, race, session

TAKE = """
    update public.accounts set balance = balance - 100
    where id = {} and 200 <= (select sum(balance) from public.accounts)
"""
NOTE = "insert into public.log (account_id, note) {} returning id"
NO_NOTE_YET = NOTE.format("select 1, 'first' where not exists (select from public.log)")


def compare(arena: Arena, first: tuple[str, ...], second: tuple[str, ...], **options: str) -> Compared:
    return SerialComparison(arena, race(session("a", *first), session("b", *second), **options)).compare()


def anomaly(compared: Compared) -> Anomaly:
    assert compared.anomaly
    return compared.anomaly


def test_lost_update_is_told_with_its_shortest_schedule(arena: Arena) -> None:
    found = anomaly(SerialComparison(arena, LOST_UPDATE).compare())
    assert found.kind is Kind.LOST_UPDATE
    assert spell_schedule(found.trial.schedule) == "a,b*3,a*2"
    assert [str(one) for one in found.differences] == [
        "public.accounts.balance is 110, and 120 one after the other"
    ]


def test_one_statement_that_reads_and_writes_loses_nothing(arena: Arena) -> None:
    add = "update public.accounts set balance = balance + 10 where id = 1"
    compared = compare(arena, (add,), (add,))
    assert (compared.anomaly, compared.why, compared.schedules) == (None, "", 5)


def test_write_skew_writes_more_rows_than_any_order(arena: Arena) -> None:
    assert anomaly(compare(arena, (TAKE.format(1),), (TAKE.format(2),))).kind is Kind.WRITE_SKEW


def test_phantom_is_a_row_that_a_check_did_not_see(arena: Arena) -> None:
    found = anomaly(compare(arena, (NO_NOTE_YET,), (NO_NOTE_YET,)))
    assert found.kind is Kind.PHANTOM
    assert [str(one) for one in found.differences] == [
        "public.log has 2 rows new or changed, and 1 one after the other"
    ]


def test_deadlock_is_told_though_its_outcome_is_one_of_a_session_alone(arena: Arena) -> None:
    one, two = (f"update public.accounts set balance = balance + 1 where id = {n}" for n in (1, 2))
    assert anomaly(compare(arena, (one, two), (two, one))).kind is Kind.DEADLOCK
    assert compare(arena, (one, two), (one, two)).anomaly is None


def test_answers_alone_may_be_of_no_order(arena: Arena) -> None:
    count = "insert into public.log (account_id) values (1) returning (select count(*) from public.log)"
    assert anomaly(compare(arena, (count,), (count,))).kind is Kind.STALE_ANSWER


def test_two_that_are_given_the_same_row_do_it_twice(arena: Arena) -> None:
    choose = "select min(id) as id from public.accounts where balance = 100"
    take = "update public.accounts set balance = 0 where id = %(id)s returning id"
    only_one = "update public.accounts set balance = 0 where id = 2"
    given = compare(arena, (choose, take), (choose, take), setup=only_one)
    assert anomaly(given).kind is Kind.DOUBLE_EFFECT


def test_who_is_refused_might_as_well_not_have_been(arena: Arena) -> None:
    there = "select from public.accounts where id = 3"
    insert = f"insert into public.accounts (id, balance) select 3, 1 where not exists ({there})"
    sessions = (session("a", insert), session("b", insert))
    comparison = SerialComparison(arena, race(*sessions))
    assert comparison.compare().anomaly is None
    ends = explore(arena, race(*sessions), prune=False).outcomes
    assert "a: committed, b: 23505" in map(str, ends)


def test_ids_clocks_and_random_values_make_no_difference(arena: Arena) -> None:
    drawn = NOTE.format("values (1, md5(clock_timestamp()::text || random()))")
    compared = compare(arena, (drawn,), (drawn.replace("values (1", "values (2"),))
    assert (compared.anomaly, compared.why) == (None, "")


def test_nothing_is_compared_where_the_first_is_refused_or_nothing_is_written(arena: Arena) -> None:
    fail = "update public.accounts set balance = -1"
    assert compare(arena, (fail,), (fail,)).why == "a is refused: 23514"
    assert compare(arena, ("select 1",), ("select 1",)).why == "nothing is written"
    assert compare(arena, (TAKE.format(1),), (fail,)).why == "b is refused: 23514"


def test_steps_bound_a_comparison(arena: Arena) -> None:
    sessions = (session("a", *["select 1"] * 20, TAKE.format(1)), session("b", *["select 1"] * 20))
    compared = SerialComparison(arena, race(*sessions)).compare(limit=250)
    assert compared.cut
    assert 250 <= compared.steps < 250 + 44
