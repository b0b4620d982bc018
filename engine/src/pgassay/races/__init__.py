"""Schedules: every order in which concurrent sessions can take their steps, and what must hold in each."""

from __future__ import annotations

from pgassay.races.arena import Arena
from pgassay.races.exploration import Exploration, explore, explore_all
from pgassay.races.model import Isolation, Scenario
from pgassay.races.scenario_file import read_scenario

__all__ = ["Arena", "Exploration", "Isolation", "Scenario", "explore", "explore_all", "read_scenario"]
