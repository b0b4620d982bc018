"""A database in which a mutant can be tried and taken back at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import psycopg

from pgassay.catalog.model import Thing
from pgassay.mutation.catalog import list_things


class Scratch:
    """Tries statements over a connection of the schema's owner; everything is rolled back."""

    def __init__(self, connection: psycopg.Connection[Any], *, roles: Iterable[str]) -> None:
        self._connection = connection
        self._roles = tuple(roles)

    def refusal(self, statements: Sequence[str]) -> str:
        """What the server says against the statements; "" when it takes them."""
        try:
            with self._applied(statements):
                return ""
        except psycopg.Error as error:
            return error.diag.message_primary or str(error)

    def changes_nothing(self, statements: Sequence[str]) -> bool:
        """Whether the catalog says the same with them, and every seeded number is the same."""
        before = self._things
        with self._applied(statements):
            return self._read() == before

    @cached_property
    def _things(self) -> frozenset[Thing]:
        with self._applied(()):
            return self._read()

    def _read(self) -> frozenset[Thing]:
        return frozenset(list_things(self._connection, roles=self._roles))

    @contextmanager
    def _applied(self, statements: Sequence[str]) -> Iterator[None]:
        with self._connection.transaction(force_rollback=True):
            for statement in statements:
                self._connection.execute(statement.encode())
            self._connection.execute("set constraints all immediate")
            yield
