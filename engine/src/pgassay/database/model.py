"""A database that the engine made."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import psycopg

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
