"""A society with a condition of every kind, and a solver on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pgassay.database import Database, Layer, Recipe, Session, clone, ensure_template, open_session
from pgassay.observation import Persona
from pgassay.server import Server
from pgassay.solver.model import Made, RowNeed
from pgassay.solver.solver import Solver

SOCIETY = Path(__file__).with_name("society.sql")


@pytest.fixture(scope="session")
def society(server: Server, owner: str, environment: Layer) -> Iterator[Database]:
    recipe = Recipe(owner=owner, layers=(environment, Layer(name="society", scripts=(SOCIETY,))))
    with clone(server, ensure_template(server, recipe), owner=owner) as made:
        yield made


@pytest.fixture(scope="session")
def shared_society(society: Database) -> Iterator[Session]:
    with closing(society.connect()) as connection:
        yield Session(connection, owner=society.owner)


@pytest.fixture
def solver(shared_society: Session, alice: Persona, bob: Persona) -> Iterator[Solver]:
    """With alice and bob, and no other row."""
    with shared_society.transaction() as session:
        found = Solver(session)
        for persona in (alice, bob):
            made = found.make(RowNeed(table="auth.users", values={"id": persona.id}, purpose=persona.name))
            assert isinstance(made, Made)
        yield found


@pytest.fixture
def solving(server: Server, owner: str, blank: str) -> Iterator[Callable[[str], Solver]]:
    """A solver on a schema of a test's own, without a platform."""
    with (
        clone(server, blank, owner=owner) as database,
        closing(database.connect(autocommit=True)) as connection,
        open_session(database) as session,
    ):

        def solve(schema: str) -> Solver:
            connection.execute(schema.encode())
            return Solver(session)

        yield solve
