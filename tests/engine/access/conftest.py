"""A shop in which everything that can refuse does, and two customers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from diff_support import Tenants, make_tenants

from pgassay.access.model import Matrix
from pgassay.access.survey import survey
from pgassay.database import Database, Layer, Recipe, Session, clone, ensure_template
from pgassay.observation import Persona
from pgassay.server import Server

SHOP = Path(__file__).with_name("shop.sql")
CLUB = Path(__file__).with_name("club.sql")


@pytest.fixture(scope="session")
def alice() -> Persona:
    claims = {"sub": "a11ce000-0000-4000-8000-000000000001"}
    return Persona(name="alice", role="authenticated", claims=claims)


@pytest.fixture(scope="session")
def bob() -> Persona:
    return Persona(name="bob", role="authenticated", claims={"sub": "b0b00000-0000-4000-8000-000000000002"})


@pytest.fixture(scope="session")
def anon() -> Persona:
    return Persona(name="anon", role="anon")


@pytest.fixture(scope="session")
def shop(server: Server, owner: str, environment: Layer) -> Iterator[Database]:
    recipe = Recipe(owner=owner, layers=(environment, Layer(name="shop", scripts=(SHOP,))))
    with clone(server, ensure_template(server, recipe), owner=owner) as made:
        yield made


@pytest.fixture(scope="session")
def shared(shop: Database) -> Iterator[Session]:
    with closing(shop.connect()) as connection:
        yield Session(connection, owner=shop.owner)


@pytest.fixture
def session(shared: Session) -> Iterator[Session]:
    """As a project's tests have it: logged in as the schema's owner, one transaction."""
    with shared.transaction():
        yield shared


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


@pytest.fixture
def tenants(server: Server, environment: Layer, tmp_path: Path) -> Tenants:
    return make_tenants(server, tmp_path / "two tenants", environment.scripts)
