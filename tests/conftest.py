"""The personas of fixtures/world.sql by name, and the budgets of the property tests.

HYPOTHESIS_PROFILE chooses one of the budgets.

`dev` and `ci` try the same examples every time. `deep` tries many new ones; what it finds is kept in
.hypothesis, tried first by the next run, and repeated anywhere by the line `@reproduce_failure(...)` that it
prints.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import HealthCheck, Phase, settings

from pgassay.database import Session
from pgassay.observation import Persona
from tests.shared.accounts import find_disagreements

_COMMON = settings(
    deadline=None,
    print_blob=True,
    # Without the phase `explain`, which repeats slow examples many times.
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    # Examples share the session of their test; each of them undoes what it did.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile("dev", _COMMON, max_examples=80, derandomize=True)
settings.register_profile("ci", _COMMON, max_examples=100, derandomize=True)
settings.register_profile("deep", _COMMON, max_examples=8000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "dev"))


# What these tests say, a stage of `pgassay verify` has said before.
_REPEATED = {
    "tests/repository/test_lint.py::test_file_has_no_fault[": "lint",
    "tests/access/test_access_baseline.py::test_access_is_as_accepted": "matrix",
    "tests/plans/test_plans.py::test_contracts_hold_and_no_index_is_at_fault": "plans",
}


# A database of its own costs more time than ten tests that share a session.
_OWN_DATABASE = frozenset({"clone", "arena"})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not _OWN_DATABASE.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
        for name, stage in _REPEATED.items():
            if item.nodeid.startswith(name):
                item.add_marker(pytest.mark.repeats_stage(stage))


def pytest_collection_finish() -> None:
    """What is collected stays to the end: later passes of the garbage collector need not walk over it."""
    gc.freeze()


@pytest.fixture(scope="session")
def anon(personas: Mapping[str, Persona]) -> Persona:
    """A visitor without an account."""
    return personas["anon"]


@pytest.fixture(scope="session")
def alice(personas: Mapping[str, Persona]) -> Persona:
    """A user with jobs and payments in every state."""
    return personas["alice"]


@pytest.fixture(scope="session")
def bob(personas: Mapping[str, Persona]) -> Persona:
    """Another user, with rows in the same tables."""
    return personas["bob"]


@pytest.fixture(scope="session")
def dave(personas: Mapping[str, Persona]) -> Persona:
    """A user whose account is closed, with a token that is still good."""
    return personas["dave"]


@pytest.fixture(scope="session")
def service(personas: Mapping[str, Persona]) -> Persona:
    """The backend."""
    return personas["service"]


@pytest.fixture
def backend(session: Session, service: Persona) -> Iterator[Session]:
    """The test's session, acting as service_role; in the end every balance must agree with its ledger."""
    session.act_as(service)
    yield session
    assert find_disagreements(session) == []


@pytest.fixture
def owner(session: Session) -> Iterator[Session]:
    """The test's session, acting as the owner; in the end every balance must agree with its ledger."""
    yield session
    assert find_disagreements(session) == []
