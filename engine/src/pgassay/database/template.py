"""Template databases built once a recipe, and clones of them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
from psycopg import sql

from pgassay.database.apply import apply_scripts, connect
from pgassay.database.model import (
    Database,
    adopt_new_roles,
    digest_roles,
    ensure_owner,
    find_made_roles,
    role_names,
    server_as,
)
from pgassay.database.recipe import PREFIX, KeyedLayer, Recipe, read_layers
from pgassay.errors import ConfigError, SchemaError, ServerError
from pgassay.server.failures import failures_explained
from pgassay.server.model import ATTACHED
from pgassay.supabase.identity import AUTHENTICATOR

if TYPE_CHECKING:
    from pgassay.server import Server

# Roles belong to the whole cluster: whoever makes or alters them holds this lock. ("pgassay" in ASCII.)
_ROLES_LOCK = int.from_bytes(b"pgassay")


def ensure_template(server: Server, recipe: Recipe) -> str:
    """The name of a template database for `recipe`; builds it, and the layers below it, when missing.

    Roles belong to the cluster, and the loading of any schema may change them: a template holds only while
    they are as they were when it was finished. Processes that want the same one build it once: the others
    wait. Raises what `apply_script` raises; nothing is left of a build that failed.
    """
    layers = read_layers(server, recipe)
    with failures_explained(server), closing(connect(server.conninfo(server.maintenance))) as connection:
        return _ensure(_Builder(server, recipe, connection), layers)


@contextmanager
def clone(server: Server, template: str, *, owner: str) -> Iterator[Database]:
    """A database of one's own, copied from `template` and dropped at the end, open connections or not.

    pytest-postgresql's DatabaseJanitor is not used: it knows neither STRATEGY nor OWNER, ends other sessions'
    connections to the template, retries a dead server for a minute, and takes five of libpq's parameters.
    """
    name = f"{PREFIX}{secrets.token_hex(8)}"
    with failures_explained(server), closing(connect(server.conninfo(server.maintenance))) as connection:
        _create(connection, name, template=template, owner=owner)
        made_roles = find_made_roles(server, connection)
    database = Database(server=server, name=name, owner=owner, made_roles=made_roles)
    try:
        yield database
    finally:
        with suppress(ServerError, psycopg.OperationalError):  # a server that is gone took the database along
            drop_database(server, database.name)


def expose(database: Database, schemas: Sequence[str]) -> None:
    """Let PostgREST serve these schemas of one database, as the dashboard's setting "Exposed schemas" does.

    The setting goes with the database: that of the role belongs to the whole cluster. Raises ConfigError
    where there is no role `authenticator`.
    """
    statement = sql.SQL("alter role {} in database {} set pgrst.db_schemas to {}").format(
        sql.Identifier(AUTHENTICATOR), sql.Identifier(database.name), sql.Literal(", ".join(schemas))
    )
    server = database.server
    with failures_explained(server), closing(connect(server.conninfo(server.maintenance))) as connection:
        try:
            connection.execute(statement)
        except psycopg.errors.UndefinedObject as error:
            raise ConfigError(
                f'Cannot expose {", ".join(schemas)}: there is no role "{AUTHENTICATOR}".',
                fixes=("let the environment make it", "take exposed out of pgassay.toml or [tool.pgassay]"),
            ) from error


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

    def find(self, keyed: KeyedLayer) -> str | None:
        """A whole template of this layer, from a time when the roles were as they are now."""
        query = f"{_WHOLE} and pg_catalog.shobj_description(oid, 'pg_database') = %(roles)s"
        row = self.connection.execute(query, {"prefix": keyed.prefix, "roles": self._roles()}).fetchone()
        return row and str(row[0])

    def build(self, keyed: KeyedLayer, *, parent: str) -> str:
        """Make a template and say its name; the marker that it is whole comes last."""
        with _locked(self.connection, _ROLES_LOCK):
            ensure_owner(self._server, self.connection, self._recipe.owner)
        self._drop_unfinished(keyed)
        name = f"{keyed.prefix}{secrets.token_hex(4)}"
        # An owner may rename: below the schema, no superuser enters what could be another database by then.
        owner = self._recipe.owner if keyed.layer.applied_by == "owner" else self._server.user
        _create(self.connection, name, template=parent, owner=owner)
        try:
            self._apply(keyed, name)
            self._announce(keyed, name)
            return self._finish(keyed, name)
        except BaseException:
            with suppress(psycopg.OperationalError):  # the server itself may be what failed
                _drop(self.connection, name)
            raise

    def _drop_unfinished(self, keyed: KeyedLayer) -> None:
        """Remove what a process left that died in mid-build, or a schema put there to be taken for ours."""
        query = f"{_NAMED} except {_WHOLE}"
        for (name,) in self.connection.execute(query, {"prefix": keyed.prefix}).fetchall():
            _drop(self.connection, name)

    def _announce(self, keyed: KeyedLayer, name: str) -> None:
        layers = self._recipe.layers
        for layer in layers[: layers.index(keyed.layer) + 1] if layers else ():
            if layer.on_template is not None:
                layer.on_template(name)

    def _finish(self, keyed: KeyedLayer, name: str) -> str:
        """Take the database from its owner and note the roles it goes with."""
        if older := self.find(keyed):  # of the same files and roles; somebody may be cloning it
            _drop(self.connection, name)
            return older
        for statement in (
            "alter database {} owner to current_user",
            f"comment on database {{}} is '{self._roles()}'",
            "alter database {} with is_template true allow_connections false",
        ):
            self.connection.execute(sql.SQL(statement).format(sql.Identifier(name)))
        return name

    def _roles(self) -> str:
        return digest_roles(self.connection, self._recipe.owner)

    def _apply(self, keyed: KeyedLayer, name: str) -> None:
        if keyed.layer.applied_by == "owner":
            made_roles = find_made_roles(self._server, self.connection)
            self._run_scripts(keyed, name, server_as(self._server, self._recipe.owner, made_roles=made_roles))
            return
        with _locked(self.connection, _ROLES_LOCK):
            known = role_names(self.connection)
            self._run_scripts(keyed, name, self._server)
            adopt_new_roles(self._server, self.connection, known)

    def _run_scripts(self, keyed: KeyedLayer, name: str, login: Server) -> None:
        attached = "on" if self._server.origin == ATTACHED else "off"
        settings = {"pgassay.owner": self._recipe.owner, "pgassay.attached": attached}
        try:
            apply_scripts(
                login.conninfo(name),
                keyed.scripts,
                timeout_seconds=self._recipe.timeout_seconds,
                settings=settings,
            )
        except SchemaError as error:
            if keyed.layer.applied_by == "superuser":  # what the schema finds is not the schema
                refused = error.sqlstate == "42501"  # and nothing is refused to a superuser
                raise ConfigError(
                    f"The {keyed.layer.name} does not load: {error.what}",
                    why=error.why,
                    fixes=(_SUPERUSER_FIX,) if refused else error.fixes,
                ) from error
            raise
        if keyed.layer.step is not None:
            with closing(connect(login.conninfo(name), settings=settings)) as connection:
                keyed.layer.step(connection)


_SUPERUSER_FIX = "attach as a superuser: its statements need one"
_NAMED: LiteralString = (
    "select datname from pg_catalog.pg_database where pg_catalog.starts_with(datname, %(prefix)s)"
)
# A schema may make databases under any name, and mark them as templates; it cannot give them to us.
_WHOLE: LiteralString = f"{_NAMED} and datistemplate and pg_catalog.pg_get_userbyid(datdba) = current_user"


def _ensure(builder: _Builder, layers: tuple[KeyedLayer, ...]) -> str:
    keyed, below = layers[-1], layers[:-1]
    if found := builder.find(keyed):
        return found
    parent = _ensure(builder, below) if below else "template0"
    with _locked(builder.connection, keyed.lock):
        return builder.find(keyed) or builder.build(keyed, parent=parent)


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
    row = connection.execute(
        "select datistemplate from pg_catalog.pg_database where datname = %s", [name]
    ).fetchone()
    if row == (True,):
        connection.execute(sql.SQL("alter database {} is_template false").format(sql.Identifier(name)))
    connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
