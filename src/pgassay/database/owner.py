"""The role that owns databases and applies schemas: never a superuser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from pgassay.database.apply import connect
from pgassay.errors import ServerError

if TYPE_CHECKING:
    from pgassay.server import Server

_OWN = "pgassay_owner"


def choose_owner(server: Server, configured: str) -> str:
    """The role to apply schemas with: `configured`, unless that is a superuser here (typical: `postgres`)."""
    connection = connect(server.conninfo(server.maintenance))
    with connection:
        row = connection.execute(
            "select rolsuper from pg_catalog.pg_roles where rolname = %s", [configured]
        ).fetchone()
    return _OWN if row and row[0] else configured


def ensure_owner(server: Server, connection: psycopg.Connection[Any], owner: str) -> None:
    """Create the role with the attributes of Supabase's `postgres` unless it exists.

    The caller holds the lock for roles, which belong to the whole cluster. Raises ServerError when the
    connection's role may not create roles.
    """
    if (
        connection.execute("select from pg_catalog.pg_roles where rolname = %s", [owner]).fetchone()
        is not None
    ):
        return
    # Before PostgreSQL 16 CREATEROLE may join pg_execute_server_program: a schema could run programs.
    may_create_roles = sql.SQL("createrole" if server.version >= 160000 else "nocreaterole")
    create = sql.SQL("create role {} login createdb {} bypassrls password {}")
    try:
        # The password of an attached server's user lets the new role pass the same host rules.
        connection.execute(
            create.format(sql.Identifier(owner), may_create_roles, sql.Literal(server.password))
        )
    except psycopg.errors.InsufficientPrivilege as error:
        raise ServerError(
            f'Cannot create the role "{owner}", which is to apply the schema.',
            why=f'"{server.user}" on {server.host} may not: {error.diag.message_primary}.',
            fixes=(
                "attach with a role that may create roles",
                f'create the role "{owner}" yourself: login createdb createrole bypassrls',
            ),
        ) from error


def share_password(server: Server, connection: psycopg.Connection[Any], known: set[str]) -> None:
    """Let login roles that an environment made (those not in `known`) log in with the server's password."""
    if server.password is None:
        return
    for role in login_roles(connection) - known:
        alter = sql.SQL("alter role {} password {}")
        connection.execute(alter.format(sql.Identifier(role), sql.Literal(server.password)))


def login_roles(connection: psycopg.Connection[Any]) -> set[str]:
    """The names of the cluster's roles that can log in."""
    return {
        name for (name,) in connection.execute("select rolname from pg_catalog.pg_roles where rolcanlogin")
    }
