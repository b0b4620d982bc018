"""Sessions for models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from pgassay.database import Session
from pgassay.workbench import Workbench


@pytest.fixture
def empty_session(workbench: Workbench) -> Iterator[Session]:
    """One transaction on a database without a world: what a model does not know would change what it sees."""
    with (
        workbench.database(depth="schema") as database,
        closing(database.connect()) as connection,
        Session(connection, owner=database.owner).transaction() as session,
    ):
        yield session
