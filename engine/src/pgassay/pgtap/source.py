"""Find pgTAP for a server and install it into a database."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psycopg
from psycopg import errors

from pgassay.errors import CannotJudgeError, ConfigError
from pgassay.extensions.catalogue import VERSION
from pgassay.pgtap.fetch import fetch_from_apt, fetch_from_npm
from pgassay.server.fetch import UnavailableError

Origin = Literal["PGASSAY_PGTAP", "server", "npm", "apt"]
Connection = psycopg.Connection[tuple[object, ...]]


@dataclass(frozen=True, kw_only=True)
class PgtapSource:
    """A pgTAP that can be installed.

    `script` is None when the server has it in its own extension directory; `version` is "" for a bare .sql
    file. PostgreSQL 18 may have `share` in its `extension_control_path`; it is None where the files are not
    in a directory named `extension`, which is where PostgreSQL looks.
    """

    origin: Origin
    version: str
    script: Path | None = None
    share: Path | None = None


def find_pgtap(connection: Connection, *, environ: Mapping[str, str] = os.environ) -> PgtapSource:
    """The first that works of PGASSAY_PGTAP, the server's extension directory, the npm package and Debian's.

    Fetched files stay in `cache_directory()`. Raises ConfigError when PGASSAY_PGTAP names no pgTAP, and
    CannotJudgeError with each source's reason when there is none.
    """
    if path := environ.get("PGASSAY_PGTAP"):
        return _from_path(Path(path).absolute())
    major = connection.info.server_version // 10000
    attempts: dict[str, Callable[[], PgtapSource]] = {
        "the server's extension directory": lambda: _from_server(connection),
        "npm": lambda: _from_directory("npm", fetch_from_npm(environ)),
        "apt": lambda: _from_directory("apt", fetch_from_apt(major, environ)),
    }
    reasons = ["PGASSAY_PGTAP: not set"]
    for name, attempt in attempts.items():
        try:
            return attempt()
        except UnavailableError as error:
            reasons.append(f"{name}: {error}")
    raise CannotJudgeError(
        "Found no pgTAP to run the .sql tests with.",
        why="\n".join(reasons),
        fixes=(
            f"for an installed server, add its package (Debian: apt-get install postgresql-{major}-pgtap)",
            "make npm and its registry reachable, for a copy in the user's cache",
            "set PGASSAY_PGTAP to a directory with pgtap.control and pgtap--*.sql, or to pgTAP's .sql file",
        ),
    )


def install_pgtap(connection: Connection, source: PgtapSource) -> None:
    """Install `source` into the schema `extensions`, created when missing; do nothing where pgTAP is.

    `connection` is a superuser's. A server that cannot see the files (older than 18, another machine, an
    account without access to them) gets the SQL itself.
    """
    with connection.transaction():
        if _is_installed(connection):
            return
        connection.execute("create schema if not exists extensions")
        if source.script is None:
            connection.execute("create extension pgtap with schema extensions")
        elif source.share is None or not _create_extension_from(connection, source.share):
            _run_script(connection, source.script)


def _from_path(path: Path) -> PgtapSource:
    try:
        if path.is_file():
            return PgtapSource(origin="PGASSAY_PGTAP", version="", script=path)
        return _from_directory("PGASSAY_PGTAP", path)
    except UnavailableError as error:
        raise ConfigError(
            f"PGASSAY_PGTAP names no pgTAP: {error}",
            fixes=(
                "set it to a directory with pgtap.control and pgtap--*.sql, or to pgTAP's .sql file",
                "unset it, and pgTAP is looked for elsewhere",
            ),
        ) from error


def _from_server(connection: Connection) -> PgtapSource:
    row = connection.execute(
        "select default_version from pg_catalog.pg_available_extensions where name = 'pgtap'"
    ).fetchone()
    if row is None or row[0] == VERSION:
        raise UnavailableError("has no pgtap.control")
    return PgtapSource(origin="server", version=str(row[0]))


def _from_directory(origin: Origin, directory: Path) -> PgtapSource:
    control = directory / "pgtap.control"
    if not control.is_file():
        raise UnavailableError(f"there is no {control}")
    version = _read_default_version(control)
    script = directory / f"pgtap--{version}.sql"
    if not script.is_file():
        raise UnavailableError(f"{control} asks for {script.name}, which is not there")
    share = directory.parent if directory.name == "extension" else None
    return PgtapSource(origin=origin, version=version, script=script, share=share)


def _read_default_version(control: Path) -> str:
    for line in control.read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "default_version":
            return value.strip().strip("'")
    raise UnavailableError(f"{control} has no default_version")


def _is_installed(connection: Connection) -> bool:
    row = connection.execute(
        "select exists (select from pg_catalog.pg_extension where extname = 'pgtap')"
        " or to_regprocedure('extensions.plan(integer)') is not null"
    ).fetchone()
    return row == (True,)


def _create_extension_from(connection: Connection, share: Path) -> bool:
    """Whether the server could read `share` and created the extension from it."""
    try:
        with connection.transaction(), _settings(connection, {"extension_control_path": f"{share}:$system"}):
            connection.execute("create extension pgtap with schema extensions")
    except (
        errors.UndefinedObject,  # the setting, before PostgreSQL 18
        errors.InsufficientPrivilege,  # the server's account may not read the files
        errors.UndefinedFile,
        errors.FeatureNotSupported,  # "extension is not available": the files are on another machine
    ):
        return False
    return True


def _run_script(connection: Connection, script: Path) -> None:
    """Run an extension's script as `create extension` would; pgTAP's has no placeholders besides these."""
    lines = script.read_text(encoding="utf-8").splitlines()
    sql = "\n".join(line for line in lines if not line.startswith("\\echo"))
    sql = sql.replace("@extschema@", "extensions").replace("MODULE_PATHNAME", "$libdir/pgtap")
    settings = {
        "search_path": "extensions, pg_temp",
        "client_min_messages": "warning",
        "check_function_bodies": "off",
    }
    with _settings(connection, settings):
        connection.execute(sql.encode())


@contextmanager
def _settings(connection: Connection, values: Mapping[str, str]) -> Iterator[None]:
    """Settings for the block only: `set local` would outlive it in the caller's transaction."""
    before = {name: _set(connection, name, value) for name, value in values.items()}
    yield
    for name, value in before.items():
        _set(connection, name, value)


def _set(connection: Connection, name: str, value: str) -> str:
    """Change a setting until the end of the transaction; what it was."""
    row = connection.execute("select current_setting(%s)", (name,)).fetchone()
    connection.execute("select set_config(%s, %s, true)", (name, value))
    return str(row and row[0])
