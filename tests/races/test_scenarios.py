"""The races of the attack catalogue, in every order of their steps: held here, lost by naive schemas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from pgassay.observation import Persona
from pgassay.races.arena import Arena
from pgassay.races.exploration import Exploration, explore
from pgassay.races.model import Isolation, Scenario
from pgassay.races.report import spell_schedule
from pgassay.races.scenario_file import read_scenario
from pgassay.workbench import Workbench
from tests.credits.budget import IS_DEEP
from tests.credits.variants import NAIVE

FOLDER = Path(__file__).with_name("scenarios")
THREE_SESSIONS = {
    *("dead-worker-completes", "purchase-charge-and-claw-back", "three-jobs-two-credits", "three-workers"),
}
SERIALIZABLE = {"complete-or-fail", "queue-with-one-credit"}
"""The races that also run under SERIALIZABLE in an ordinary run; `make deep` runs all of everything."""
RACES = sorted(
    path.stem
    for path in FOLDER.glob("*.toml")
    if path.stem != "invariants" and (IS_DEEP or path.stem not in THREE_SESSIONS)
)

Counts = tuple[int, int, int, int]
"""Schedules that were run, that were pruned, in which a session waited, in which one failed with 40001."""

# Of two sessions of one statement each, one waits for the other in two schedules of four.
ONE_WAITS = ((4, 0, 2, 0), (6, 12, 2, 4))
COUNTS: dict[str, tuple[Counts, ...]] = {
    "cancel-or-claim": ((4, 1, 1, 0), (6, 13, 1, 3)),
    "close-beside-cancel-all": ONE_WAITS,
    "close-or-insert": ONE_WAITS[:1],
    "close-or-queue": ONE_WAITS,
    "complete-or-fail": ONE_WAITS,
    "crash-beside-charge": ONE_WAITS[:1],
    "crossed-batches": ONE_WAITS,
    "dead-worker-completes": ((38, 32, 14, 0),),
    "double-click": ONE_WAITS[:1],
    "insert-and-queue-twice": ((6, 0, 4, 0), (8, 48, 4, 6)),
    "last-job-of-a-day": ONE_WAITS,
    "late-heartbeat": ((4, 1, 1, 0), (6, 13, 1, 3)),
    "partial-refund-clicked-twice": ONE_WAITS,
    "profile-during-charge": ONE_WAITS,
    "purchase-and-charge": ONE_WAITS,
    "purchase-charge-and-claw-back": ((28, 0, 22, 0),),
    "queue-twice": ONE_WAITS,
    "queue-with-one-credit": ONE_WAITS,
    "reclaim-beside-profile": ((4, 1, 1, 0), (6, 13, 1, 3)),
    "refund-beside-failing-job": ONE_WAITS,
    "refund-of-a-debt-beside-closing": ((5, 0, 2, 0), (7, 23, 2, 4)),
    "refund-of-a-debt-beside-failing-job": ((5, 0, 3, 0), (7, 23, 3, 5)),
    "refund-of-a-debt-beside-reclaim": ((6, 2, 1, 0), (8, 25, 1, 3)),
    "refund-of-a-debt-beside-settlement": ((5, 0, 3, 0), (7, 23, 3, 5)),
    "rollback-beside-charge": ONE_WAITS[:1],
    "settle-beside-recovery": ONE_WAITS,
    "sign-up-twice": ((5, 0, 3, 0),),
    "three-jobs-two-credits": ((30, 0, 24, 0),),
    "three-workers": ((36, 54, 0, 0),),
    "trial-twice": ((4, 0, 2, 0), (6, 12, 2, 0)),
    "two-events-one-payment": ((6, 0, 4, 0), (8, 48, 4, 6)),
    "two-partial-refunds": ONE_WAITS,
    "two-purchases": ONE_WAITS[:1],
    "two-sweepers": ((4, 2, 0, 0), (6, 14, 0, 2)),
    "two-workers": ((4, 2, 0, 0), (6, 14, 0, 2)),
    "webhook-twice": ((6, 0, 4, 0), (8, 48, 4, 0)),
}
"""Under READ COMMITTED, then under REPEATABLE READ. What SERIALIZABLE refuses depends on plans and pages."""

# Per variant the race that finds it, the simplest schedule that does, and the invariants that then break.
LEDGER = ("every entry continues the one before",)
NAIVELY: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "balance_before_lock": (
        "two-purchases",
        "first,second,first,second",
        (*LEDGER, "the balance is that of the latest entry"),
    ),
    # Wrong in the setup already, which queues several jobs in one statement.
    "batch_charge": ("two-workers", "one*2,two*2", ("the balance is the sum of the ledger", *LEDGER)),
    # No race: the second request comes when the first is over.
    "before_insert": (
        "double-click",
        "first*2,second*2",
        (
            "the balance is the sum of the ledger",
            "the balance is that of the latest entry",
            "the totals agree with the ledger",
        ),
    ),
    # What was never paid can not be returned: the deletion of the account fails.
    "refund_from_cost": ("close-or-queue", "auth,user*2", ()),
    "refund_only_locks": ("refund-beside-failing-job@repeatable-read", "worker,bank*3,worker*2", ()),
    "refund_without_unique": (
        "two-sweepers",
        "one,two,one,two",
        ("a job was charged when it was queued, and refunded when it ended badly, once",),
    ),
    "select_then_update": (
        "queue-with-one-credit",
        "first,second,first,second",
        ("the balance is the sum of the ledger", *LEDGER),
    ),
    "stale_sync": (
        "two-purchases",
        "first,second,first,second",
        ("the balance is the sum of the ledger", *LEDGER),
    ),
}


INSIDE = {"queue-twice": 46} | ({"queue-with-one-credit": 373} if IS_DEEP else {})
"""Races of which a schedule may interrupt the triggers twice, before any statement, and its schedules."""


@pytest.fixture(scope="session")
def arena(workbench: Workbench) -> Iterator[Arena]:
    with Arena(workbench) as arena:
        yield arena


def read_races(race: str, personas: Mapping[str, Persona]) -> tuple[Scenario, ...]:
    return read_scenario(FOLDER / f"{race}.toml", personas)


def count(one: Exploration) -> Counts:
    return (one.census.schedules, one.census.pruned, one.waited, one.unserializable)


@pytest.mark.parametrize("race", RACES)
def test_race_holds_in_every_schedule(arena: Arena, personas: Mapping[str, Persona], race: str) -> None:
    scenarios = [
        scenario
        for scenario in read_races(race, personas)
        if IS_DEEP or race in SERIALIZABLE or scenario.isolation is not Isolation.SERIALIZABLE
    ]
    explored = [explore(arena, scenario) for scenario in scenarios]
    assert [(one.scenario.name, one.broken, one.unseen) for one in explored if not one.holds] == []
    assert [one.deadlocked for one in explored] == [0] * len(explored)
    assert [one.notes for one in explored] == [()] * len(explored)
    levels = [one for one in explored if one.scenario.isolation is not Isolation.SERIALIZABLE]
    assert tuple(map(count, levels)) == COUNTS[race]


@pytest.mark.parametrize("variant", NAIVELY)
def test_naive_variant_loses_a_race(arena: Arena, personas: Mapping[str, Persona], variant: str) -> None:
    race, schedule, violated = NAIVELY[variant]
    name, _, level = race.partition("@")
    scenario = next(s for s in read_races(name, personas) if s.name.endswith(level))
    patch = NAIVE[variant].read_text(encoding="utf-8")
    explored = explore(arena, replace(scenario, setup=f"{patch}\n{scenario.setup}"))
    simplest = explored.broken[0]
    assert spell_schedule(simplest.schedule) == schedule
    assert tuple(violation.invariant for violation in simplest.violations) == violated


@pytest.mark.slow
@pytest.mark.parametrize("race", INSIDE)
def test_race_holds_when_triggers_are_interrupted_too(
    arena: Arena, personas: Mapping[str, Persona], race: str, pytestconfig: pytest.Config
) -> None:
    if pytestconfig.getoption("--pgassay-coverage"):
        pytest.skip("the counters of coverage are statements that could be interrupted, too")
    explored = explore(arena, replace(read_races(race, personas)[0], inside=True))
    assert explored.holds
    assert explored.census.schedules == INSIDE[race]
