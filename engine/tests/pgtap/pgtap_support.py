"""Servers with pgTAP for the tests of `pgassay.pgtap`: the run's own, and one of the other kind.

Both a plugin (its fixtures) and a module to import from (its values), hence: PYTEST_DONT_REWRITE.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

import psycopg
import pytest
from psycopg import sql

from pgassay.errors import CannotJudgeError, ServerError
from pgassay.pgtap.run import PgtapDatabase, find_psql
from pgassay.pgtap.source import find_pgtap, install_pgtap
from pgassay.server import Server, open_server

SAMPLES = Path(__file__).parent / "samples"


@dataclass(frozen=True, kw_only=True)
class PgtapServer:
    """A server whose database `name` has pgTAP in it."""

    server: Server
    name: str

    def database(self, *, timeout: float = 60) -> PgtapDatabase:
        conninfo = self.server.conninfo(self.name)
        return PgtapDatabase(conninfo=conninfo, psql=find_psql(self.server.bin_dir), timeout=timeout)

    def create_database(self, name: str) -> str:
        """The conninfo of a new database without pgTAP."""
        with psycopg.connect(self.server.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        return self.server.conninfo(name)

    def drop_database(self, name: str) -> None:
        with psycopg.connect(self.server.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("drop database {} (force)").format(sql.Identifier(name)))


def _open(choice: str, run: Server) -> Iterator[PgtapServer]:
    with nullcontext(run) if run.origin == choice else open_server(choice) as server:
        prepared = PgtapServer(server=server, name=f"pgtap_{token_hex(8)}")
        with psycopg.connect(prepared.create_database(prepared.name), autocommit=True) as connection:
            try:
                install_pgtap(connection, find_pgtap(connection))
            except CannotJudgeError as error:
                pytest.skip(f"no pgTAP: {error}")
        yield prepared
        prepared.drop_database(prepared.name)


@pytest.fixture(scope="session")
def pgtap_embedded(server: Server) -> Iterator[PgtapServer]:
    """PostgreSQL 18 from the wheel, which has no pgTAP of its own."""
    yield from _open("embedded", server)


@pytest.fixture(scope="session")
def pgtap_system(server: Server) -> Iterator[PgtapServer]:
    """The installed PostgreSQL; skips where there is none."""
    try:
        yield from _open("system", server)
    except ServerError as error:
        pytest.skip(f"no installed PostgreSQL: {error.what}")


@pytest.fixture(scope="session", params=["pgtap_embedded", "pgtap_system"])
def pgtap_server(request: pytest.FixtureRequest) -> PgtapServer:
    server: PgtapServer = request.getfixturevalue(request.param)
    return server


@pytest.fixture
def bare(pgtap_server: PgtapServer) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A superuser's connection to a database without pgTAP."""
    yield from _connect_to_new(pgtap_server)


@pytest.fixture
def bare_embedded(pgtap_embedded: PgtapServer) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """The same on PostgreSQL 18."""
    yield from _connect_to_new(pgtap_embedded)


@pytest.fixture
def bare_system(pgtap_system: PgtapServer) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """The same on the installed PostgreSQL."""
    yield from _connect_to_new(pgtap_system)


def _connect_to_new(server: PgtapServer) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    name = f"bare_{token_hex(8)}"
    conninfo = server.create_database(name)
    try:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            yield connection
    finally:
        server.drop_database(name)
