"""The command `pgassay mcp`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from pgassay.commands import Command
from pgassay.errors import CannotJudgeError, ExitCode


def _add(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--project", type=Path, metavar="PATH", help="the folder of calls that name none (default: here)"
    )


def _run(options: Namespace) -> int:
    if find_spec("mcp") is None:
        raise CannotJudgeError(
            "pgassay mcp needs the Python package mcp, which is not installed.",
            fixes=("run: pip install 'pgassay[mcp]'",),
        )
    tools = import_module("pgassay.mcp_server.tools")  # needs that package
    tools.make_server((options.project or Path()).absolute()).run("stdio")
    return ExitCode.GOOD


COMMAND = Command(
    name="mcp", help="audit, explain, diff and matrix as tools for agents, over stdio", add=_add, run=_run
)
