"""Use a server that somebody else runs: look, never touch what is not ours."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo

from pgassay.errors import ServerError
from pgassay.server.binaries import EMBEDDED_FIX, OLDEST, embedded_bin_dir, system_bin_dirs
from pgassay.server.model import ATTACHED, Server

_NAMED = ("host", "port", "user", "password", "dbname")


def is_connection(choice: str) -> bool:
    """Whether `choice` is a connection URL or a conninfo string, and not a name or a directory."""
    if choice.startswith(("postgresql://", "postgres://")):
        return True
    return "=" in choice and not Path(choice).is_dir()


def attach(choice: str) -> Server:
    """The server behind a connection URL or conninfo string.

    What the string leaves open comes from the PG* variables and the password file, as in psql; never from
    DATABASE_URL. Raises ServerError when there is no connection, the server is too old, or the role may not
    create databases.
    """
    try:
        wanted: dict[str, Any] = {"connect_timeout": 10, **conninfo_to_dict(choice)}
        with psycopg.connect(autocommit=True, **wanted) as connection:
            _check_version(connection)
            _check_role(connection)
            return _describe(connection, chosen=_chosen_parameters(choice))
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        raise ServerError(
            "Could not connect to the PostgreSQL server.",
            why=str(error),
            fixes=("check the address, the role and its password", EMBEDDED_FIX),
        ) from error


def _check_version(connection: psycopg.Connection) -> None:
    version = connection.info.server_version
    if version < OLDEST * 10000:
        raise ServerError(
            f"The PostgreSQL server at {_address(connection)} is too old: {version // 10000}.",
            why=f"The oldest version that can be used is {OLDEST}.",
            fixes=("attach to a newer server", EMBEDDED_FIX),
        )


def _check_role(connection: psycopg.Connection) -> None:
    row = connection.execute(
        "select rolcreatedb or rolsuper from pg_catalog.pg_roles where rolname = current_user"
    ).fetchone()
    if row != (True,):
        user = connection.info.user
        raise ServerError(
            f'Role "{user}" may not create databases on {_address(connection)}.',
            why="Only databases made for this run are ever touched, so the role must be able to make them.",
            fixes=(f'let it: alter role "{user}" createdb', "connect as another role", EMBEDDED_FIX),
        )


def _chosen_parameters(choice: str) -> set[str]:
    """What the string or a PG* variable sets; defaults would name options that an older psql lacks."""
    from_environment = {
        option.keyword.decode()
        for option in Conninfo.get_defaults()
        if option.envvar and option.envvar.decode() in os.environ
    }
    return from_environment | set(conninfo_to_dict(choice))


def _describe(connection: psycopg.Connection, *, chosen: set[str]) -> Server:
    info = connection.info
    others = {k: v for k, v in info.get_parameters().items() if k in chosen.difference(_NAMED) and v}
    return Server(
        host=info.host,
        port=info.port,
        user=info.user,
        password=info.password or None,
        version=info.server_version,
        origin=ATTACHED,
        bin_dir=_client_bin_dir(info.server_version),
        maintenance=info.dbname,
        parameters=tuple(sorted(others.items())),
    )


def _client_bin_dir(version: int) -> Path | None:
    """A directory with psql: the server's own major version where installed, else on PATH, else embedded."""
    wanted = str(version // 10000)
    for bin_dir in system_bin_dirs():
        if wanted in bin_dir.parent.name.split("-") and (bin_dir / "psql").is_file():
            return bin_dir
    if psql := shutil.which("psql"):
        return Path(psql).parent
    try:
        return embedded_bin_dir()
    except ServerError:
        return None


def _address(connection: psycopg.Connection) -> str:
    return f"{connection.info.host}:{connection.info.port}"
