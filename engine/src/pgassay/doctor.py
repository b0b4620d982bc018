"""What this machine offers the engine, what is missing, and how to get it."""

from __future__ import annotations

import importlib.util
import platform
import shutil
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from pgassay.commands import Command, add_common, configure
from pgassay.config import Config
from pgassay.database import choose_owner
from pgassay.errors import ExitCode, PgassayError
from pgassay.pgtap.source import find_pgtap
from pgassay.render.json import dump
from pgassay.render.output import check_writable, write_report
from pgassay.server import Server, inspect_server_choices, open_server


@dataclass(frozen=True, kw_only=True)
class MachineCheck:
    """One thing looked for: what was found, or why it is not there and how to get it."""

    name: str
    found: bool
    detail: str
    needed: bool = True


@dataclass(frozen=True, kw_only=True)
class Examination:
    """All checks; the run can judge if all that is needed was found."""

    checks: tuple[MachineCheck, ...]

    @property
    def can_judge(self) -> bool:
        return all(check.found for check in self.checks if check.needed)


def examine(config: Config) -> Examination:
    """Look at Python, the servers at hand, and start the chosen one to see what it has."""
    return Examination(checks=tuple(_checks(config)))


def render_examination(examination: Examination, *, as_json: bool) -> str:
    """A line a check for people, or one JSON object."""
    if as_json:
        return dump(can_judge=examination.can_judge, checks=examination.checks)
    return "".join(_line(check) for check in examination.checks)


def _line(check: MachineCheck) -> str:
    mark = "ok" if check.found else "MISSING" if check.needed else "absent"
    first, *rest = check.detail.splitlines() or [""]
    lines = [f"{mark:<8}{check.name:<16}{first}", *(f"{'':<24}{line}" for line in rest)]
    return "\n".join(lines) + "\n"


def _checks(config: Config) -> Iterator[MachineCheck]:
    yield MachineCheck(name="python", found=True, detail=platform.python_version())
    for choice in inspect_server_choices():
        yield MachineCheck(
            name=choice.name,
            found=not choice.problem,
            detail=choice.problem or f"PostgreSQL {_version(choice.version or 0)} in {choice.bin_dir}",
            needed=False,
        )
    try:
        with open_server(config.server) as server:
            yield MachineCheck(name="server", found=True, detail=_describe(server, config))
            yield from _server_checks(server)
    except PgassayError as error:
        yield MachineCheck(name="server", found=False, detail=f"{config.server}: {error}")
    yield from _tool_checks()


def _describe(server: Server, config: Config) -> str:
    owner = choose_owner(server, config.owner)
    return f"{server.origin}, PostgreSQL {_version(server.version)}; schemas are applied by {owner}"


def _server_checks(server: Server) -> Iterator[MachineCheck]:
    with psycopg.connect(server.conninfo(server.maintenance), autocommit=True) as connection:
        yield _pgtap(connection)
        known = connection.execute(
            "select default_version from pg_catalog.pg_available_extensions where name = 'plpgsql_check'"
        ).fetchone()
    detail = (
        f"{known[0]}" if known else "Debian: apt-get install postgresql-NN-plpgsql-check, for a system server"
    )
    yield MachineCheck(name="plpgsql_check", found=known is not None, detail=detail, needed=False)


def _pgtap(connection: psycopg.Connection[tuple[object, ...]]) -> MachineCheck:
    try:
        source = find_pgtap(connection)
    except PgassayError as error:
        return MachineCheck(name="pgTAP", found=False, detail=str(error))
    return MachineCheck(name="pgTAP", found=True, detail=f"{source.version} from {source.origin}".strip())


def _tool_checks() -> Iterator[MachineCheck]:
    """Programs that some checks use; each check without its program says so by itself."""
    xdist = importlib.util.find_spec("xdist") is not None
    yield MachineCheck(
        name="pytest-xdist",
        found=xdist,
        detail="suites run in parallel" if xdist else "pip install pytest-xdist",
        needed=False,
    )
    for name, use in (
        ("npm", "fetches pgTAP, lints workflows"),
        ("pg_prove", "compared with our pgTAP runner"),
    ):
        path = shutil.which(name)
        yield MachineCheck(
            name=name, found=path is not None, detail=path or f"not on PATH ({use})", needed=False
        )


def _version(number: int) -> str:
    return f"{number // 10000}.{number % 10000}"


def _add(parser: ArgumentParser) -> None:
    add_common(parser, formats=("text", "json"))


def _run(options: Namespace) -> int:
    if options.output:
        check_writable(options.output)
    examination = examine(configure(options))
    report = render_examination(examination, as_json=options.format == "json")
    print(report, end="", flush=True)
    if options.output:
        write_report(options.output, report)
    return ExitCode.GOOD if examination.can_judge else ExitCode.CANNOT_JUDGE


COMMAND = Command(name="doctor", help="what was found, what is missing, how to get it", add=_add, run=_run)
