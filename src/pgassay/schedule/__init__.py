"""Schedules: every order in which concurrent sessions can take their steps, and what must hold in each."""

from __future__ import annotations

from pgassay.schedule.arena import Arena
from pgassay.schedule.exploration import Exploration, explore, explore_all, replay
from pgassay.schedule.model import Isolation, Scenario
from pgassay.schedule.scenario_file import read_scenario, read_scenarios
from pgassay.schedule.trial import Event, Fate, Move, Outcome, Trial, Violation

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
