"""The personas of fixtures/world.sql by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from accounts import find_disagreements

from pgassay.database import Session
from pgassay.observation import Persona


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
