"""audit, explain, diff and matrix as tools. Needs the extra `mcp`.

A call is a command in a process of its own, as somebody would type it: what it prints as JSON is the answer,
its exit code is told, and an agent that cancels the call ends the process.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

from anyio import run_process
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field

from pgassay import __version__
from pgassay.errors import ExitCode

_ABOUT = (
    "pgassay executes a PostgreSQL schema in a throw-away server and tells what each kind of user can do to "
    "it. Begin with audit. exit_code: 0 good, 1 the schema has a problem. No judgement is an error."
)
_HARMLESS = ToolAnnotations(read_only_hint=True, open_world_hint=False)

Answer = dict[str, Any]
Project = Annotated[str, Field(description="folder of the project; empty: where the server runs")]
Schema = Annotated[str, Field(description="file of SQL instead of the project's schema")]
Effort = Annotated[int, Field(ge=1, le=100, description="try so many times as much")]
Statement = Annotated[str, Field(description="one statement of SQL")]
Sender = Annotated[str, Field(description="who sends it: anon, alice, bob, service or another")]
Base = Annotated[str, Field(description="what to compare with: a revision of git, or a path")]
Table = Annotated[str, Field(description="only this table, view or function, as public.notes")]
Persona = Annotated[str, Field(description="only this persona")]


class Tools:
    """The tools; a call that names no project is about the one in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def audit(self, project: Project = "", schema: Schema = "", effort: Effort = 1) -> Answer:
        """What is wrong with a schema: findings, worst first, with a witness and maybe a tried repair."""
        return await self._ask(project, schema, "audit", f"--effort={effort}")

    async def explain(
        self, statement: Statement, persona: Sender, project: Project = "", schema: Schema = ""
    ) -> Answer:
        """Why one statement of a persona is refused or allowed, proven by taking guards away."""
        return await self._ask(project, schema, "explain", f"--as={persona}", "--", statement)

    async def diff(self, base: Base, project: Project = "", schema: Schema = "") -> Answer:
        """Who can do what they could not do before, each gain with a witness."""
        return await self._ask(project, schema, "diff", "--", base)

    async def matrix(
        self, project: Project = "", schema: Schema = "", table: Table = "", persona: Persona = ""
    ) -> Answer:
        """Who can do what, as executed. Where one table is asked for, cells have their statements."""
        answer = await self._ask(project, schema, "matrix")
        return answer | {"cells": _choose_cells(answer["cells"], table, persona)}

    async def _ask(self, project: str, schema: str, command: str, *arguments: str) -> Answer:
        """The document of a command, with its exit code and what it says beside it.

        Raises ToolError with the command's own words where it gives no document.
        """
        folder = self._folder / project
        if not folder.is_dir():
            raise ToolError(f"There is no folder {folder}. To fix this, name the folder of a project.")
        call = [sys.executable, "-m", "pgassay.cli", command, "--format=json"]
        call += [f"--schema={schema}"] if schema else []
        done = await run_process([*call, *arguments], cwd=folder, check=False)
        said = done.stderr.decode(errors="replace").strip()
        if done.returncode == ExitCode.CANNOT_JUDGE or not done.stdout.strip():
            raise ToolError(said or f"pgassay {command} ended with exit code {done.returncode}.")
        answer: Answer = json.loads(done.stdout)
        return answer | {"exit_code": done.returncode} | ({"beside_it": said.splitlines()} if said else {})


def make_server(folder: Path) -> MCPServer[Any]:
    """A server of these tools."""
    server: MCPServer[Any] = MCPServer(
        "pgassay", instructions=_ABOUT, version=__version__, log_level="WARNING"
    )
    tools = Tools(folder)
    for tool in (tools.audit, tools.explain, tools.diff, tools.matrix):
        server.add_tool(tool, annotations=_HARMLESS)
    return server


def _choose_cells(cells: list[dict[str, Any]], table: str, persona: str) -> list[dict[str, Any]]:
    chosen = [c for c in cells if table in ("", c["object"]) and persona in ("", c["persona"])]
    return chosen if table else [{k: v for k, v in cell.items() if k != "results"} for cell in chosen]
