"""Scenarios at the bank, in few words."""

from __future__ import annotations

from typing import Any

from pgassay.races.exploration import Exploration
from pgassay.races.model import Scenario, SessionScript
from pgassay.races.report import spell_schedule

READ = "select balance from public.accounts where id = 1"
WRITE = "update public.accounts set balance = %(balance)s + 10 where id = 1"
ADD = "update public.accounts set balance = balance + 10 where id = {}"
BALANCE = "select balance from public.accounts where id = 1"


def session(name: str, *statements: str, **options: Any) -> SessionScript:
    """One request of the owner's."""
    return SessionScript(name=name, requests=(statements,), **options)


def race(*sessions: SessionScript, **options: Any) -> Scenario:
    return Scenario(name="race", sessions=sessions, **options)


LOST_UPDATE = race(
    session("a", READ, WRITE),
    session("b", READ, WRITE),
    invariants={"no update is lost": "select balance from public.accounts where id = 1 and balance <> 120"},
    observe=BALANCE,
)


def outcomes(explored: Exploration) -> set[str]:
    return {str(outcome) for outcome in explored.outcomes}


def broken(explored: Exploration) -> list[str]:
    """The schedules that break a scenario, the simplest first."""
    return [spell_schedule(trial.schedule) for trial in explored.broken]
