"""Template databases built once a recipe, and clones of them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from pgassay.database.apply import apply_script, connect
from pgassay.database.model import Database, login
from pgassay.database.owner import (
    ensure_owner,
    login_roles,
    share_password,
)
from pgassay.database.recipe import PREFIX, Recipe, Stage, read_stages
from pgassay.errors import ServerError

if TYPE_CHECKING:
    from pgassay.server import Server

# Roles belong to the whole cluster: whoever makes or alters them holds this lock. ("pgassay" in ASCII.)
_ROLES_LOCK = int.from_bytes(b"pgassay")


def ensure_template(server: Server, recipe: Recipe) -> str:
    """The name of the template database for `recipe`; builds it, and the layers below it, when missing.

    Processes that want the same template build it once: the others wait. Raises what `apply_script` raises;
    nothing is left of a build that failed.
    """
    stages = read_stages(server, recipe)
    with closing(connect(server.conninfo(server.maintenance))) as connection:
        _ensure(_Builder(server, recipe, connection), stages)
    return stages[-1].template


@contextmanager
def clone(server: Server, template: str, *, owner: str) -> Iterator[Database]:
    """A database of one's own, copied from `template` and dropped at the end, open connections or not.

    pytest-postgresql's DatabaseJanitor is not used: it knows neither STRATEGY nor OWNER, ends other sessions'
    connections to the template, retries a dead server for a minute, and takes five of libpq's parameters.
    """
    database = Database(server=server, name=f"{PREFIX}{secrets.token_hex(8)}", owner=owner)
    with closing(connect(server.conninfo(server.maintenance))) as connection:
        _create(connection, database.name, template=template, owner=owner)
    try:
        yield database
    finally:
        with suppress(ServerError, psycopg.OperationalError):  # a server that is gone took the database along
            drop_database(server, database.name)


def drop_database(server: Server, name: str) -> None:
    """Drop a database, ending the connections to it."""
    with closing(connect(server.conninfo(server.maintenance))) as connection:
        _drop(connection, name)


class _Builder:
    """Builds templates over one connection to the maintenance database, which holds the locks."""

    def __init__(self, server: Server, recipe: Recipe, connection: psycopg.Connection[Any]) -> None:
        self._server = server
        self._recipe = recipe
        self.connection = connection

    def build(self, stage: Stage, *, parent: str) -> None:
        """Make the template; the marker that it is whole comes last."""
        with _locked(self.connection, _ROLES_LOCK):
            ensure_owner(self._server, self.connection, self._recipe.owner)
        _drop(self.connection, stage.template)
        _create(self.connection, stage.template, template=parent, owner=self._recipe.owner)
        try:
            self._apply(stage)
        except BaseException:
            with suppress(psycopg.OperationalError):  # the server itself may be what failed
                _drop(self.connection, stage.template)
            raise
        finish = sql.SQL("alter database {} with is_template true allow_connections false")
        self.connection.execute(finish.format(sql.Identifier(stage.template)))

    def _apply(self, stage: Stage) -> None:
        if stage.layer.applied_by == "owner":
            self._run_scripts(stage, user=self._recipe.owner)
            return
        with _locked(self.connection, _ROLES_LOCK):
            known = login_roles(self.connection)
            self._run_scripts(stage, user=None)
            share_password(self._server, self.connection, known)

    def _run_scripts(self, stage: Stage, *, user: str | None) -> None:
        conninfo = login(self._server, stage.template, user=user)
        settings = {"pgassay.owner": self._recipe.owner}
        for script in stage.scripts:
            apply_script(conninfo, script, timeout_seconds=self._recipe.timeout_seconds, settings=settings)
        if stage.layer.step is not None:
            with closing(connect(self._server.conninfo(stage.template), settings=settings)) as connection:
                stage.layer.step(connection)


def _ensure(builder: _Builder, stages: tuple[Stage, ...]) -> None:
    stage, below = stages[-1], stages[:-1]
    if _is_ready(builder.connection, stage.template):
        return
    if below:
        _ensure(builder, below)
    with _locked(builder.connection, stage.lock):
        if not _is_ready(builder.connection, stage.template):
            builder.build(stage, parent=below[-1].template if below else "template0")


def _is_ready(connection: psycopg.Connection[Any], template: str) -> bool:
    query = "select from pg_catalog.pg_database where datname = %s and datistemplate"
    return connection.execute(query, [template]).fetchone() is not None


@contextmanager
def _locked(connection: psycopg.Connection[Any], key: int) -> Iterator[None]:
    connection.execute("select pg_catalog.pg_advisory_lock(%s)", [key])
    try:
        yield
    finally:
        with suppress(psycopg.OperationalError):  # a lost connection has lost its locks
            connection.execute("select pg_catalog.pg_advisory_unlock(%s)", [key])


def _create(connection: psycopg.Connection[Any], name: str, *, template: str, owner: str) -> None:
    # FILE_COPY: 8 ms where the default strategy, which writes every page to the WAL, took 50 ms.
    create = sql.SQL("create database {} template {} owner {} strategy file_copy")
    identifiers = [sql.Identifier(text) for text in (name, template, owner)]
    try:
        connection.execute(create.format(*identifiers))
    except psycopg.Error as error:
        raise ServerError(
            f"Cannot create database {name} from {template}.", why=str(error).strip()
        ) from error


def _drop(connection: psycopg.Connection[Any], name: str) -> None:
    connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
