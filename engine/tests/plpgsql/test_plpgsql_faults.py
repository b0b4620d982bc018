"""A fault is raised before the statement that was armed, by whoever runs it, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from pgassay.database import Client, Database, Layer, open_client
from pgassay.observation import Persona
from pgassay.plpgsql.faults import ARM, install_faults, read_announced
from pgassay.server import Server
from tests.plpgsql.plpgsql_support import TINY, open_database

INSERT = "insert into public.notes values (1, %s, 'long', false)"


@pytest.fixture(scope="module")
def faulty(server: Server, owner: str, environment: Layer) -> Iterator[Database]:
    faults = Layer(name="faults", step=install_faults)
    with open_database(server, owner, environment, TINY, faults) as database:
        yield database


@pytest.fixture
def client(faulty: Database) -> Iterator[Client]:
    with open_client(faulty) as client:
        yield client


def test_points_are_announced_in_the_order_of_their_first_run(client: Client, alice: Persona) -> None:
    with pytest.raises(ZeroDivisionError), client.request(alice):
        client.execute(ARM, ["*"])
        announced = read_announced(client.attempt(INSERT, [alice.id]).notices)
        assert announced == (
            "public.stamp()#1",
            "public.shorten(text)#1",
            "public.shorten(text)#2",
            "public.stamp()#2",
            "public.stamp()#4",
        )
        raise ZeroDivisionError  # so that nothing is committed


def test_armed_point_fails_with_a_state_of_its_own_and_the_line_of_its_statement(
    client: Client, alice: Persona
) -> None:
    with client.request(alice):
        client.execute(ARM, ["public.shorten(text)#2"])
        struck = client.attempt(INSERT, [alice.id])
        assert (struck.sqlstate, struck.message) == ("PF000", "fault before public.shorten(text)#2")
        assert "PL/pgSQL function public.shorten(text) line 4 at IF" in struck.context
        assert client.value("select count(*) from public.notes") == 0


def test_fault_ends_with_its_transaction(client: Client, alice: Persona) -> None:
    with pytest.raises(psycopg.Error, match="fault before"), client.request(alice):
        client.execute(ARM, ["public.stamp()#1"])
        client.execute(INSERT, [alice.id])
    with client.request(alice):
        assert client.attempt(INSERT, [alice.id]).rowcount == 1
