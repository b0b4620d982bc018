"""A database that the engine made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import make_conninfo

from pgassay.errors import ServerError

if TYPE_CHECKING:
    from pgassay.server import Server


@dataclass(frozen=True, kw_only=True)
class Database:
    """A database on `server`, made by the engine; `owner` is the non-superuser role that applies schemas."""

    server: Server
    name: str
    owner: str

    def conninfo(self, *, user: str | None = None) -> str:
        """A libpq connection string for `user`; the server's own user when None."""
        return login(self.server, self.name, user=user)

    def connect(self, *, user: str | None = None, autocommit: bool = False) -> psycopg.Connection[Any]:
        """Connect as `user`. Raises ServerError when the server refuses or is gone."""
        try:
            return psycopg.connect(self.conninfo(user=user), autocommit=autocommit)
        except psycopg.OperationalError as error:
            who = user or self.server.user
            raise ServerError(
                f"Cannot connect to database {self.name} as {who}.", why=str(error).strip()
            ) from error


def login(server: Server, dbname: str, *, user: str | None) -> str:
    """A connection string for `user`; roles made by the engine share the server's password."""
    conninfo = server.conninfo(dbname, user=user)
    return conninfo if server.password is None else make_conninfo(conninfo, password=server.password)
