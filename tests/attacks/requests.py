"""Requests over PostgREST's own login that leave no trace, well-formed ones and others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pgassay.database import Client
from pgassay.observation import Persona


class _UndoError(Exception):
    pass


@contextmanager
def undone_request(client: Client, persona: Persona) -> Iterator[Client]:
    """A request that ends in a rollback."""
    with suppress(_UndoError), client.request(persona):
        yield client
        raise _UndoError


@contextmanager
def bare_request(client: Client, **settings: str) -> Iterator[Client]:
    """A request as authenticated that sets these settings alone: what the connection still holds, counts."""
    client.connection.execute("begin; set local role authenticated")
    for name, value in settings.items():
        client.execute("select set_config(%s, %s, true)", [f"request.jwt.{name}", value])
    yield client
    client.connection.execute("rollback")
