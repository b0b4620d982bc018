"""A workbench whose databases carry a mutant, and a database in which one is tried and taken back."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from pgassay.catalog.model import Thing
from pgassay.config import Config
from pgassay.database import Database, Layer, Recipe, Session, drop_database
from pgassay.errors import CannotJudgeError
from pgassay.mutation.things import list_things
from pgassay.server import Server
from pgassay.workbench import Depth, Workbench

_USES = 50  # mutants that come and go in one database, which grows with each


class MutantWorkbench(Workbench):
    """Applies `statements` to every database with the schema in it, above the world: no file is loaded again.

    A statement may take as long as `limit` says: where a mutant loops, its server process would not end.
    `on_open` is told of each database before anybody uses it, `on_close` before it is dropped.
    With `undoes`, tests that roll back have the mutant in their transaction, and need no database of its own.
    """

    statements: tuple[str, ...] = ()
    undoes: bool = False
    limit: str = "10s"
    on_open: Callable[[Database], None] | None = None
    on_close: Callable[[Database], None] | None = None

    def __init__(self, config: Config, server: Server) -> None:
        super().__init__(config, server)
        self._templates: list[str] = []
        self._kept = ExitStack()  # the database of tests that undo the mutant
        self._database: Database | None = None
        self._uses = 0

    def close(self) -> None:
        """Drop the database in which mutants are undone."""
        self._database = None
        self._kept.close()

    def drop_templates(self) -> None:
        """Drop those that others built of mutants; each would fill the server's memory by some megabytes."""
        while self._templates:
            drop_database(self.server, self._templates.pop())

    def recipe(self, *, depth: Depth = "world") -> Recipe:
        """As of the schema itself; the mutant is its last layer, for those who build on it."""
        recipe = super().recipe(depth=depth)
        if not self.statements or depth == "environment":
            return recipe
        fingerprint = hashlib.sha256("\0".join(self.statements).encode()).hexdigest()
        layer = Layer(
            name="mutant", step=self._apply, fingerprint=fingerprint, on_template=self._templates.append
        )
        return replace(recipe, layers=(*recipe.layers, layer))

    @contextmanager
    def database(
        self,
        *,
        depth: Depth = "world",
        pgtap: bool = False,
        starting_point: tuple[Path, ...] = (),
        rows: tuple[str, ...] = (),
    ) -> Iterator[Database]:
        """A clone of the schema's own template, changed: faster than a template of the mutant."""
        with super().database(depth=depth, pgtap=pgtap, starting_point=starting_point, rows=rows) as database:
            if self.on_open:
                self.on_open(database)
            with closing(database.connect(autocommit=True)) as connection:
                limit = sql.SQL("alter database {} set statement_timeout = {}")
                connection.execute(limit.format(sql.Identifier(database.name), sql.Literal(self.limit)))
                if depth != "environment":
                    self._apply(connection)
            try:
                yield database
            finally:
                if self.on_close:
                    self.on_close(database)

    @contextmanager
    def shared_session(self, lend: Callable[[], Database]) -> Iterator[Session]:
        """As of any project; where the mutant is undone, in the database that all mutants share."""
        if not (self.undoes and self.statements):
            with super().shared_session(lend) as session:
                yield session
            return
        database = self._shared()
        with closing(database.connect()) as connection:
            connection.execute(sql.SQL("set statement_timeout = {}").format(self.limit))
            connection.commit()
            session = Session(connection, owner=database.owner, first=self.statements)
            try:
                yield session
            finally:
                self._uses += 1
                if session.ended_by_others or self._uses >= _USES:
                    self.close()

    def _shared(self) -> Database:
        """The database of the schema itself in which mutants come and go."""
        if self._database is None:
            self._database = self._kept.enter_context(super().database())
            self._uses = 0
        return self._database

    def _apply(self, connection: psycopg.Connection[Any]) -> None:
        try:
            with connection.transaction():
                for statement in self.statements:
                    connection.execute(statement.encode())
        except psycopg.Error as error:
            raise CannotJudgeError("Cannot apply a mutant that applied before.", why=str(error)) from error


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
