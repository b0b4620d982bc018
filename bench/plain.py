"""What stands beside us: the same work with PostgreSQL's own programs, and one statement at a time."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from measure import ROOT

from pgassay.database import Session
from pgassay.database.pipeline import Answer, fly
from pgassay.server.binaries import Binaries, inspect_bin_dir
from pgassay.server.ephemeral import configuration, initdb_arguments
from pgassay.workbench import Depth, Workbench

PGRLS = ROOT / "build" / "pgrls" / "bin" / "python"
_SUPERUSER = "supabase_admin"


@dataclass(frozen=True, kw_only=True)
class Programs:
    """PostgreSQL's programs, for a server in a folder, with the settings of ours."""

    binaries: Binaries
    folder: Path

    def run(self, program: str, *arguments: str, **settings: str) -> str:
        account = pwd.getpwnam("postgres").pw_name if os.geteuid() == 0 else None  # initdb refuses root
        with (self.folder / "said").open("w+", encoding="utf-8") as said:  # pg_ctl's child would keep a pipe
            subprocess.run(
                [self.binaries.bin_dir / program, *arguments],
                check=True, stdout=said, stderr=subprocess.STDOUT, cwd=self.folder, user=account,
                env=os.environ | settings,
            )  # fmt: skip
            said.seek(0)
            return said.read()

    def psql(self, database: str, *arguments: str) -> None:
        """As the superuser, who may load everything."""
        options = ["--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", f"--host={self.folder}"]
        options += [f"--username={_SUPERUSER}", f"--dbname={database}"]
        self.run("psql", *options, *arguments, PGOPTIONS="-c pgassay.owner=postgres")

    def dump(self, database: str, files: Sequence[str]) -> str:
        """The structure of a new database, loaded from `files`."""
        self.psql("postgres", f"--command=create database {database}")
        self.psql(database, *files)
        options = ["--schema-only", f"--host={self.folder}", f"--username={_SUPERUSER}", database]
        return self.run("pg_dump", *options)

    def url(self, database: str) -> str:
        return f"postgresql://{_SUPERUSER}@/{database}?host={self.folder}"


@contextmanager
def server_by_hand(bench: Workbench) -> Iterator[Programs]:
    """What initdb and pg_ctl start, until the block ends."""
    assert bench.server.bin_dir
    binaries = inspect_bin_dir(bench.server.bin_dir, origin=bench.server.origin)
    with tempfile.TemporaryDirectory(prefix="pgassay-bench-", dir="/dev/shm") as name:
        folder = Path(name)
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        programs = Programs(binaries=binaries, folder=folder)
        data = folder / "data"
        programs.run("initdb", f"--pgdata={data}", *initdb_arguments(binaries.version))
        settings = configuration(tcp=False, durable=False, settings={"unix_socket_directories": name})
        with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(settings)
        programs.run("pg_ctl", "start", "--wait", "--silent", f"--pgdata={data}", f"--log={folder}/log")
        try:
            yield programs
        finally:
            programs.run("pg_ctl", "stop", "--mode=immediate", "--silent", f"--pgdata={data}")


def files_of(bench: Workbench, *, depth: Depth = "world") -> list[str]:
    """The files that make the project's database, as psql takes them."""
    return [f"--file={script}" for layer in bench.recipe(depth=depth).layers for script in layer.scripts]


def one_at_a_time(session: Session, segments: Sequence[Sequence[str]]) -> list[Answer]:
    """As `fly`, but each segment waits for the answer to the one before."""
    return [answer for segment in segments for answer in fly(session, [segment])]
