"""What pytest does not promise to keep, and has no public way for; all of it is used from here alone."""

from __future__ import annotations

import pytest
from _pytest.runner import runtestprotocol


def run_item(item: pytest.Item, *, following: pytest.Item | None) -> list[pytest.TestReport]:
    """Run one test with its fixtures, without reporting it; those that `following` shares stay."""
    return runtestprotocol(item, log=False, nextitem=following)


def shared_fixtures(item: pytest.Item) -> list[str]:
    """The names of a test's fixtures that other tests have in common with it."""
    info = getattr(item, "_fixtureinfo", None)  # pgTAP files have none
    known = info.name2fixturedefs if info else {}
    return [name for name, found in known.items() if found[-1].scope != "function"]


def tear_down(session: pytest.Session) -> None:
    """End the fixtures of every scope."""
    session._setupstate.teardown_exact(None)
