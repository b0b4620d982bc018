"""A shop in which everything that can refuse does, and two customers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pgassay.database import Database, Layer, Recipe, Session, clone, ensure_template
from pgassay.server import Server

SHOP = Path(__file__).with_name("shop.sql")


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
