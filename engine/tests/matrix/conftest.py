"""A club with every shape of table, row and answer that the access matrix tells apart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pgassay.database import Database, Layer, Recipe, Session, clone, ensure_template
from pgassay.matrix.model import Matrix
from pgassay.matrix.survey import survey
from pgassay.observation import Persona
from pgassay.server import Server

CLUB = Path(__file__).with_name("club.sql")


@pytest.fixture(scope="session")
def club(server: Server, owner: str, environment: Layer) -> Iterator[Database]:
    """A database with every shape of table, row and answer that the access matrix tells apart."""
    recipe = Recipe(owner=owner, layers=(environment, Layer(name="club", scripts=(CLUB,))))
    with clone(server, ensure_template(server, recipe), owner=owner) as made:
        yield made


@pytest.fixture(scope="session")
def shared_club(club: Database) -> Iterator[Session]:
    with closing(club.connect()) as connection:
        yield Session(connection, owner=club.owner)


@pytest.fixture
def club_session(shared_club: Session) -> Iterator[Session]:
    with shared_club.transaction():
        yield shared_club


@pytest.fixture(scope="session")
def members(alice: Persona, bob: Persona, anon: Persona) -> tuple[Persona, ...]:
    return alice, bob, anon


@pytest.fixture(scope="session")
def club_matrix(shared_club: Session, members: tuple[Persona, ...]) -> Matrix:
    with shared_club.transaction():
        return survey(shared_club, members)
