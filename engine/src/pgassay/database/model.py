"""A database that the engine made."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from pgassay.database.apply import connect
from pgassay.errors import ServerError

if TYPE_CHECKING:
    from pgassay.server import Server


@dataclass(frozen=True, kw_only=True)
class Database:
    """A database on `server`, made by the engine; `owner` is the non-superuser role that applies schemas.

    It has no door for the server's own user: any operator, trigger or policy of a schema in it would run
    with a superuser's rights. `made_roles` are those of the cluster's roles that the engine made and
    gave a password to.
    """

    server: Server
    name: str
    owner: str
    made_roles: frozenset[str] = field(default=frozenset(), repr=False)

    def conninfo(self, *, user: str | None = None) -> str:
        """A libpq connection string for `user`, the owner when None. Raises ValueError for a superuser's."""
        return self._as(user).conninfo(self.name)

    def url(self, *, user: str | None = None) -> str:
        """A postgresql:// URL for people; as `conninfo` otherwise."""
        return self._as(user).url(self.name)

    def connect(self, *, user: str | None = None, autocommit: bool = False) -> psycopg.Connection[Any]:
        """Connect as `user`, the owner when None. Raises ServerError when the server refuses or is gone."""
        try:
            return psycopg.connect(self.conninfo(user=user), autocommit=autocommit)
        except psycopg.OperationalError as error:
            who = user or self.owner
            raise ServerError(
                f"Cannot connect to database {self.name} as {who}.", why=str(error).strip()
            ) from error

    def _as(self, user: str | None) -> Server:
        role = user or self.owner
        if role == self.server.user != self.owner:
            raise ValueError(f'"{role}" does not enter {self.name}: a schema in it could take its rights')
        return server_as(self.server, role, made_roles=self.made_roles)


def server_as(server: Server, role: str, *, made_roles: frozenset[str]) -> Server:
    """The server as `role` logs in. A role that the engine did not make may share the server's password."""
    password = derive_password(server, role) if role in made_roles else server.password
    return replace(server, user=role, password=password)


def derive_password(server: Server, role: str) -> str | None:
    """The password of a role that the engine makes: never the server's own; none where that has none."""
    if server.password is None:
        return None
    return sha256(f"{role}\0{server.password}".encode()).hexdigest()


_OWN = "pgassay_owner"

# The comment on a role that the engine made; fixtures/supabase/10-roles.sql looks for it too.
_MARK = "made by pgassay"

# All that a schema applied by the owner could change: the roles that the owner may reach, and who is in them.
# With OIDs: names alone would not tell that two roles swapped theirs. From 16384 on they are not predefined.
_STATE = """
    with recursive reached (oid) as (
        select oid from pg_catalog.pg_roles where rolname = %s
        union
        select m.roleid from reached as r
        inner join pg_catalog.pg_auth_members as m on r.oid = m.member where m.roleid >= 16384
    ),

    lines (line) as (
        select pg_catalog.to_jsonb(r)::text
        from pg_catalog.pg_roles as r inner join reached using (oid)
        union all
        select (pg_catalog.to_jsonb(m) - 'oid')::text
        from pg_catalog.pg_auth_members as m
        where m.member in (select oid from reached) or m.roleid in (select oid from reached)
    )

    select pg_catalog.md5(coalesce(pg_catalog.string_agg(line, '|' order by line collate "C"), '')) from lines
"""


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
    if owner in role_names(connection):
        return
    # Before PostgreSQL 16 CREATEROLE may join pg_execute_server_program: a schema could run programs.
    may_create_roles = sql.SQL("createrole" if server.version >= 160000 else "nocreaterole")
    create = sql.SQL("create role {} login createdb {} bypassrls")
    try:
        connection.execute(create.format(sql.Identifier(owner), may_create_roles))
        _adopt(server, connection, owner)
    except psycopg.errors.InsufficientPrivilege as error:
        raise ServerError(
            f'Cannot create the role "{owner}", which is to apply the schema.',
            why=f'"{server.user}" on {server.host} may not: {error.diag.message_primary}.',
            fixes=(
                "attach as a superuser",
                f'create the role "{owner}" yourself: login createdb createrole bypassrls',
            ),
        ) from error


def adopt_new_roles(server: Server, connection: psycopg.Connection[Any], known: set[str]) -> None:
    """Mark the roles that an environment made, those not in `known`, as ours; let all of ours log in."""
    for role in (role_names(connection) - known) | find_made_roles(server, connection):
        _adopt(server, connection, role)


def role_names(connection: psycopg.Connection[Any]) -> set[str]:
    """The names of the cluster's roles."""
    return {name for (name,) in connection.execute("select rolname from pg_catalog.pg_roles")}


def find_made_roles(server: Server, connection: psycopg.Connection[Any]) -> frozenset[str]:
    """The names of the cluster's roles that the engine made, and gave a password to; none without one."""
    if server.password is None:
        return frozenset()
    query = """
        select rolname from pg_catalog.pg_roles
        where pg_catalog.shobj_description(oid, 'pg_authid') = %s
    """
    return frozenset(name for (name,) in connection.execute(query, [_MARK]))


def digest_roles(connection: psycopg.Connection[Any], owner: str) -> str:
    """A hash of attributes, settings and memberships of every role that `owner` can change; no passwords."""
    row = connection.execute(_STATE, [owner]).fetchone()
    assert row
    return str(row[0])


def _adopt(server: Server, connection: psycopg.Connection[Any], role: str) -> None:
    name = sql.Identifier(role)
    connection.execute(sql.SQL("comment on role {} is {}").format(name, sql.Literal(_MARK)))
    if password := derive_password(server, role):
        connection.execute(sql.SQL("alter role {} password {}").format(name, sql.Literal(password)))
