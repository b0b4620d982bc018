"""Run one pgTAP file with psql, exactly as `pg_prove` does."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgassay.errors import ServerError
from pgassay.pgtap.verdict import FileVerdict, judge
from pgassay.server.binaries import embedded_bin_dir

# TAP::Parser::SourceHandler::pgTAP 3.36, make_iterator.
_PSQL_OPTIONS = (
    "--no-psqlrc",
    "--no-align",
    "--quiet",
    *("--pset", "pager=off"),
    *("--pset", "tuples_only=true"),
    *("--set", "ON_ERROR_STOP=1"),
)
_SEARCH_PATH = '-c search_path="$user",public,extensions'
_SECONDS_TO_CANCEL = 2.0


@dataclass(frozen=True, kw_only=True)
class PgtapDatabase:
    """Where a file runs: a database with pgTAP in it, the psql to use, a limit in seconds for the file.

    `folder` is psql's working directory, to which `\\i` is relative; None: that of this process.
    """

    conninfo: str
    psql: Path
    timeout: float
    folder: Path | None = None


def find_psql(bin_dir: Path | None, *, environ: Mapping[str, str] = os.environ) -> Path:
    """The psql in `bin_dir`, else PATH's, else the embedded server's. Raises ServerError for none."""
    folders = [*([bin_dir] if bin_dir else []), *map(Path, os.get_exec_path(environ))]
    with suppress(ServerError):
        folders.append(embedded_bin_dir())
    for folder in folders:
        if found := shutil.which("psql", path=folder):
            return Path(found).absolute()
    raise ServerError(
        "Found no psql to run the pgTAP files with.",
        why="Looked in: " + ", ".join(str(folder) for folder in folders),
        fixes=(
            "install PostgreSQL's client (Debian: postgresql-client) so that psql is on PATH",
            "use the embedded server, which brings its own: --pgassay-server embedded",
        ),
    )


def run_file(file: Path, database: PgtapDatabase) -> FileVerdict:
    """Run `file` and judge what it wrote. Raises ServerError when psql cannot be started."""
    parts = conninfo_to_dict(database.conninfo)
    environment = _environment(password=parts.pop("password", None), options=parts.pop("options", None))
    command = [
        str(database.psql),
        *_PSQL_OPTIONS,
        "--dbname",
        make_conninfo("", **parts),
        "--file",
        str(file),
    ]
    try:
        process = subprocess.Popen(
            command,
            cwd=database.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise ServerError(
            f"Cannot start {database.psql}: {error.strerror}",
            fixes=("install PostgreSQL's client so that psql is on PATH",),
        ) from error
    with process:
        stdout, stderr, timed_out = _communicate(process, database.timeout)
    return judge(
        file,
        stdout,
        exit_status=process.returncode,
        stderr=stderr,
        timed_out_after=database.timeout if timed_out else None,
    )


def _environment(*, password: object, options: object) -> dict[str, str]:
    """What psql sees: none of the caller's PG* variables, English messages, the password out of `ps`."""
    kept = {
        name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH") if name in os.environ
    }
    secret = {"PGPASSWORD": str(password)} if password else {}
    # The last of two settings wins, so a search_path of the caller's own does.
    search_path = f"{_SEARCH_PATH} {options or ''}".rstrip()
    return kept | secret | {"LC_ALL": "C.UTF-8", "PGCLIENTENCODING": "UTF8", "PGOPTIONS": search_path}


def _communicate(process: subprocess.Popen[str], timeout: float) -> tuple[str, str, bool]:
    """Standard output, standard error, and whether the time ran out; no process is left in any case."""
    try:
        return *process.communicate(timeout=timeout), False
    except subprocess.TimeoutExpired:
        # On SIGINT psql cancels the statement on the server and names its line; a killed psql does neither.
        os.killpg(process.pid, signal.SIGINT)
        try:
            return *process.communicate(timeout=_SECONDS_TO_CANCEL), True
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return *process.communicate(), True
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
