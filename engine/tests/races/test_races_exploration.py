"""Schedules on a real server: what breaks, who waits, who fails, and that every run begins alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from pgassay.errors import CannotJudgeError, ConfigError
from pgassay.races.arena import Arena
from pgassay.races.exploration import explore, replay
from pgassay.races.explorer import count_orders
from pgassay.races.model import Expectation, Isolation, Scenario, StepFate, StepKind
from pgassay.races.preparation import PreparedScenario
from pgassay.workbench import Workbench
from tests.races.races_support import ADD, BALANCE, LOST_UPDATE, READ, WRITE, broken, outcomes, race, session

pytestmark = pytest.mark.slow

READ_COMMITTED, REPEATABLE_READ, SERIALIZABLE = Isolation


def test_lost_update_is_found_with_its_simplest_schedule_first(arena: Arena) -> None:
    explored = explore(arena, LOST_UPDATE)
    assert broken(explored)[0] == "a,b*3,a*2"
    assert outcomes(explored) == {
        "a: committed, b: committed, balance: 110",
        "a: committed, b: committed, balance: 120",
    }
    (violation,) = explored.broken[0].violations
    assert (violation.invariant, violation.rows) == ("no update is lost", ({"balance": "110"},))


def test_replay_repeats_what_was_found(arena: Arena, bank: Workbench) -> None:
    simplest = explore(arena, LOST_UPDATE).broken[0]
    again = replay(bank, LOST_UPDATE, simplest.schedule)
    assert (again.outcome, again.violations) == (simplest.outcome, simplest.violations)
    assert [move.events[0].fate for move in again.moves] == [StepFate.DONE] * 6
    assert [move.events[0].reply.rows for move in again.moves[:2]] == [(("100",),)] * 2


@pytest.mark.parametrize(
    ("schedule", "reason"),
    [
        (("a", "nobody"), "at step 2, there is no session 'nobody'"),
        (("a",) * 4, "at step 4, a has no step left: committed"),
        (("a", "a", "b", "b", "b"), "at step 5, b waits for a"),
    ],
)
def test_schedule_that_can_not_be_is_refused(bank: Workbench, schedule: tuple[str, ...], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        replay(bank, LOST_UPDATE, schedule)


def test_step_that_waits_names_whom_and_goes_on_afterwards(bank: Workbench) -> None:
    scenario = race(session("a", ADD.format(1)), session("b", ADD.format(1)))
    trial = replay(bank, scenario, ("a", "b", "a", "b"))
    told = [[(event.session, event.fate, event.waits_for) for event in move.events] for move in trial.moves]
    assert told == [
        [("a", StepFate.DONE, ())],
        [("b", StepFate.WAITS, ("a",))],
        [("a", StepFate.DONE, ()), ("b", StepFate.DONE, ())],
        [("b", StepFate.DONE, ())],
    ]


def test_deadlock_is_an_outcome_and_fails_whoever_closes_the_circle(arena: Arena) -> None:
    scenario = race(session("a", ADD.format(1), ADD.format(2)), session("b", ADD.format(2), ADD.format(1)))
    explored = explore(arena, scenario)
    assert outcomes(explored) == {
        "a: committed, b: committed",
        "a: 40P01, b: committed",
        "a: committed, b: 40P01",
    }
    assert explored.deadlocked == 4


@pytest.mark.parametrize(("schedule", "victim"), [("abab", "b"), ("abba", "a")])
def test_deadlock_fails_whoever_closes_the_circle(bank: Workbench, schedule: str, victim: str) -> None:
    scenario = race(session("a", ADD.format(1), ADD.format(2)), session("b", ADD.format(2), ADD.format(1)))
    trial = replay(bank, scenario, tuple(schedule))
    assert [name for name, result in trial.outcome.values if result == "40P01"] == [victim]


def test_serialization_failure_is_an_outcome(arena: Arena) -> None:
    scenario = race(session("a", ADD.format(1)), session("b", ADD.format(1)), isolation=REPEATABLE_READ)
    explored = explore(arena, scenario)
    assert outcomes(explored) == {
        "a: committed, b: committed",
        "a: 40001, b: committed",
        "a: committed, b: 40001",
    }
    assert 0 < explored.unserializable < explored.census.schedules


def test_whoever_tries_again_after_a_serialization_failure_succeeds(arena: Arena) -> None:
    scenario = race(
        *(session(name, READ, WRITE) for name in "ab"),
        isolation=REPEATABLE_READ,
        retries=1,
        observe=BALANCE,
        invariants=LOST_UPDATE.invariants,
    )
    explored = explore(arena, scenario)
    assert outcomes(explored) == {"a: committed, b: committed, balance: 120"}
    assert explored.unserializable > 0


WITHDRAW = "update public.accounts set balance = balance - 100 where id = {} and %(total)s >= 100"
SKEW = race(
    session("a", "select sum(balance) - 100 as total from public.accounts", WITHDRAW.format(1)),
    session("b", "select sum(balance) - 100 as total from public.accounts", WITHDRAW.format(2)),
    invariants={"100 remain": "select from public.accounts having sum(balance) < 100"},
    isolation=REPEATABLE_READ,
)


def test_write_skew_breaks_repeatable_read_and_not_serializable(arena: Arena) -> None:
    assert explore(arena, SKEW).broken
    serializable = explore(arena, replace(SKEW, isolation=SERIALIZABLE))
    assert (serializable.holds, serializable.census.pruned) == (True, 0)
    assert serializable.unserializable > 0


@pytest.mark.parametrize(("end", "result"), [(StepKind.ROLLBACK, "rolled back"), (StepKind.CRASH, "crashed")])
def test_session_that_does_not_commit_leaves_nothing(arena: Arena, end: StepKind, result: str) -> None:
    scenario = race(session("a", ADD.format(1), end=end), session("b", ADD.format(1)), observe=BALANCE)
    explored = explore(arena, scenario)
    assert outcomes(explored) == {f"a: {result}, b: committed, balance: 110"}
    assert (explored.census.schedules, explored.waited) == (4, 2)


def test_backend_that_is_ended_by_a_step_counts_as_crashed(arena: Arena) -> None:
    scenario = race(
        session("a", ADD.format(1), "select pg_terminate_backend(pg_backend_pid())"),
        session("b", ADD.format(1)),
        observe=BALANCE,
    )
    assert outcomes(explore(arena, scenario)) == {"a: crashed, b: committed, balance: 110"}


def test_step_that_takes_too_long_fails_by_its_own_timeout(arena: Arena) -> None:
    endless = session("a", "select pg_sleep(60)", settings={"statement_timeout": "50ms"})
    assert outcomes(explore(arena, race(endless))) == {"a: 57014"}


NO_TIMEOUT = {"statement_timeout": "0"}


@pytest.fixture
def impatient(bank: Workbench) -> Iterator[Arena]:
    """An arena whose steps may take one second."""
    with Arena(bank) as arena:
        arena.limit = 1
        yield arena


def test_step_that_never_ends_can_not_be_judged(impatient: Arena) -> None:
    endless = session("a", "select pg_sleep(60)", settings=NO_TIMEOUT)
    with pytest.raises(CannotJudgeError, match=r"a step of a did not end in 1 s, and waits for nobody"):
        explore(impatient, race(endless))
    impatient.limit = 30
    assert outcomes(explore(impatient, race(session("a", READ)))) == {"a: committed"}


def test_step_that_waits_for_a_stranger_can_not_be_judged(impatient: Arena) -> None:
    stage = PreparedScenario(impatient, race(session("a", ADD.format(1), settings=NO_TIMEOUT)))
    run = stage.start()
    with closing(impatient.connect()) as stranger:
        stranger.execute(f"begin; {ADD.format(1)}".encode())
        with pytest.raises(CannotJudgeError, match=rf"waits for {stranger.info.backend_pid}\."):
            run.repeat("a")


@pytest.mark.parametrize(
    ("scenario", "reason"),
    [
        (race(session("a", READ), setup="select 1 / 0"), "race: its setup fails"),
        (race(session("a", READ), invariants={"x": "select nothing"}), 'race: the query "x" fails'),
        (race(session("a", READ), invariants={"x": "select 1; select 2"}), 'race: the query "x" fails'),
        (race(session("a", READ), observe="table public.accounts"), "return one row, and returned 2"),
        (race(session("a", WRITE)), r"A step of a can not be filled in: query parameter missing: balance"),
        (race(session("a", "create table public.t ()")), "race: a step altered the schema"),
    ],
)  # fmt: skip
def test_scenario_that_makes_no_sense_can_not_be_judged(
    arena: Arena, scenario: Scenario, reason: str
) -> None:
    with pytest.raises(CannotJudgeError, match=reason):
        explore(arena, scenario)


def test_outcome_that_nobody_expects_breaks_and_one_that_never_comes_is_missed(arena: Arena) -> None:
    expected = tuple(Expectation(values={"balance": balance}) for balance in ("120", "130"))
    explored = explore(arena, replace(LOST_UPDATE, invariants={}, expected=expected))
    assert {dict(trial.outcome.values)["balance"] for trial in explored.broken} == {"110"}
    assert explored.unseen == expected[1:]


NOTE, NOTES = "insert into public.log (note) values (%(balance)s)", "select note from public.log"
COMMUTING = {
    "other tables": race(
        session("a", ADD.format(1), READ), session("b", "insert into public.log (note) values ('b')", READ)
    ),
    "the same table": race(
        *(session(name, f"insert into public.log (note) values ('{name}')") for name in "ab"),
        observe="select string_agg(note, ' ' order by id) as notes from public.log",
    ),
    "a reader": race(session("a", ADD.format(1)), session("b", READ, NOTE), observe=NOTES),
    "a reader under REPEATABLE READ": race(
        session("a", ADD.format(1)),
        session("b", READ, NOTE),
        isolation=REPEATABLE_READ,
        observe=NOTES,
    ),
    "a snapshot taken before the table is read": race(
        session("a", "insert into public.log (note) values ('a')"),
        session("b", READ, "update public.accounts set balance = (select count(*) from public.log)"),
        isolation=REPEATABLE_READ,
        observe=BALANCE,
    ),
    "skew": SKEW,
    "three": race(*(session(name, ADD.format(1)) for name in "ab"), session("c", READ), observe=BALANCE),
    "sequences": race(
        session("a", "select nextval('public.log_id_seq')"),
        session("b", "select last_value from public.log_id_seq"),
    ),
}


@pytest.mark.parametrize("name", COMMUTING)
def test_pruning_loses_no_outcome(arena: Arena, name: str) -> None:
    scenario = COMMUTING[name]
    pruned, whole = explore(arena, scenario), explore(arena, scenario, prune=False)
    assert pruned.outcomes.keys() == whole.outcomes.keys()
    assert pruned.census.schedules <= whole.census.schedules
    assert whole.census.pruned == 0
    if not whole.unserializable:
        everything = count_orders({name: len(steps) for name, steps in scenario.steps.items()})
        for census in (pruned.census, whole.census):
            assert census.schedules + census.pruned + census.impossible == everything


def test_transactions_on_other_tables_are_run_in_one_order(arena: Arena) -> None:
    census = explore(arena, COMMUTING["other tables"]).census
    assert (census.schedules, census.pruned) == (2, 18)


def test_what_the_owner_can_not_undo_is_undone_by_a_new_clone(arena: Arena) -> None:
    keep = "insert into public.kept select count(*) from public.kept"
    scenario = race(session("a", keep), session("b", READ), observe="table public.kept")
    explored = explore(arena, scenario, prune=False)
    assert outcomes(explored) == {"a: committed, b: committed, id: 0"}
    assert explored.notes == (
        "slow, a clone for each schedule, because the owner can not undo the steps:"
        " permission denied for table kept",
    )


def test_temporary_table_is_no_change_of_the_schema(arena: Arena) -> None:
    scenario = race(session("a", "create temporary table t ()"), session("b", "create temporary table t ()"))
    assert explore(arena, scenario).holds


def test_advisory_locks_are_not_seen_and_so_nothing_is_pruned(arena: Arena) -> None:
    lock = "select pg_advisory_lock(1), pg_advisory_unlock(1)"
    explored = explore(arena, race(session("a", lock), session("b", lock)))
    assert (explored.census.schedules, explored.census.pruned) == (6, 0)
    assert explored.notes == ("not pruned: a step takes advisory locks",)


def test_function_that_reads_twice_is_caught_only_inside(arena: Arena) -> None:
    scenario = race(session("reader", "select public.read_twice()"), session("writer", ADD.format(1)))
    assert outcomes(explore(arena, scenario, prune=False)) == {"reader: committed, writer: committed"}
    inside = explore(arena, replace(scenario, inside=True))
    assert outcomes(inside) == {
        "reader: committed, writer: committed",
        "reader: PT409, writer: committed",
    }


def test_replay_inside_tells_before_which_statement_a_session_stops(bank: Workbench) -> None:
    scenario = race(session("reader", "select public.read_twice()"), session("writer", ADD.format(1)))
    trial = replay(bank, replace(scenario, inside=True), ("reader", "reader", "writer", "writer", "reader"))
    events = [move.events[0] for move in trial.moves]
    assert [(event.fate, event.reply.message) for event in events] == [
        (StepFate.PAUSED, "public.read_twice()#1"),
        (StepFate.PAUSED, "public.read_twice()#2"),
        (StepFate.DONE, ""),
        (StepFate.DONE, ""),
        (StepFate.FAILED, "read 100 and then 110"),
    ]


def test_interruptions_are_bounded_inside(arena: Arena) -> None:
    reader = race(*(session(name, "select public.read_twice()") for name in "ab"), inside=True)
    schedules = [explore(arena, reader, preemptions=bound).census.schedules for bound in (0, 1, 2)]
    assert schedules == [2, 8, 26]
