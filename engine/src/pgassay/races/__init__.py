"""Schedules: every order in which concurrent sessions can take their steps, and what must hold in each."""

from __future__ import annotations

from pgassay.races.arena import Arena
from pgassay.races.exploration import Exploration, explore, explore_all, replay
from pgassay.races.model import Isolation, Scenario
from pgassay.races.record import Event, Fate, Move, Outcome, Trial, Violation
from pgassay.races.scenario_file import read_scenario, read_scenarios

__all__ = [
    "Arena",
    "Event",
    "Exploration",
    "Fate",
    "Isolation",
    "Move",
    "Outcome",
    "Scenario",
    "Trial",
    "Violation",
    "explore",
    "explore_all",
    "read_scenario",
    "read_scenarios",
    "replay",
]
