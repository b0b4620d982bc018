"""`pgassay mcp`, asked by the client of the official SDK over standard input and output."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters, stdio_client

from pgassay.mcp_server import command
from pgassay.server import Server

Run = Callable[..., subprocess.CompletedProcess[str]]
Ask = Callable[..., Awaitable[Any]]
OPEN = """
create table public.hits (id integer primary key, path text not null);
create table public.notes (id integer primary key, author uuid not null references auth.users (id));
alter table public.notes enable row level security;
create policy "own" on public.notes to authenticated using (author = (select auth.uid()));
"""
CLOSED = OPEN + "alter table public.hits enable row level security;"


@pytest.fixture
def asking(tmp_path: Path, server: Server) -> Callable[[Callable[[Client], Awaitable[None]]], None]:
    """Runs a conversation with a server that is about the project in `tmp_path`."""
    (tmp_path / "pgassay.toml").write_text('schema = ["hits.sql"]\n', encoding="utf-8")
    (tmp_path / "hits.sql").write_text(OPEN, encoding="utf-8")
    (tmp_path / "closed.sql").write_text(CLOSED, encoding="utf-8")
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "pgassay.cli", "mcp", "--project", str(tmp_path)],
        env={"PATH": os.environ["PATH"], "PGASSAY_SERVER": server.url("postgres")},
    )

    def converse(talk: Callable[[Client], Awaitable[None]]) -> None:
        async def main() -> None:
            async with Client(stdio_client(parameters)) as client:
                await talk(client)

        anyio.run(main)

    return converse


async def ask(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    answer: dict[str, Any] = result.structured_content
    return answer


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    return str(result.content[0].text)  # type: ignore[union-attr]


@pytest.mark.slow
def test_every_tool_answers_with_the_document_of_its_command(asking: Callable[..., None]) -> None:
    async def talk(client: Client) -> None:
        assert {tool.name for tool in (await client.list_tools()).tools} == {
            "audit",
            "diff",
            "explain",
            "matrix",
        }
        audit = await ask(client, "audit")
        assert audit["exit_code"] == 1
        assert "public.hits" in {finding["object"] for finding in audit["findings"]}
        assert (await ask(client, "audit", schema="closed.sql"))["exit_code"] == 0
        why = await ask(client, "explain", statement="delete from public.hits", persona="anon")
        assert (why["exit_code"], why["outcome"]) == (0, "allowed")
        gained = await ask(client, "diff", base="closed.sql")
        assert gained["exit_code"] == 1
        assert {cell["object"] for finding in gained["gained"] for cell in finding["cells"]} == {
            "public.hits"
        }

    asking(talk)


def test_matrix_is_narrowed_to_what_is_asked(asking: Callable[..., None]) -> None:
    async def talk(client: Client) -> None:
        whole = await ask(client, "matrix")
        assert {cell["object"] for cell in whole["cells"]} >= {"public.hits", "public.notes"}
        assert "results" not in whole["cells"][0]
        part = await ask(client, "matrix", table="public.hits", persona="anon")
        assert {(cell["object"], cell["persona"]) for cell in part["cells"]} == {("public.hits", "anon")}
        assert all(cell["results"] for cell in part["cells"])

    asking(talk)


def test_what_cannot_be_judged_is_an_error_with_a_way_out(asking: Callable[..., None]) -> None:
    async def talk(client: Client) -> None:
        assert "name the folder of a project" in await refused(client, "audit", project="nonesuch")
        told = await refused(client, "explain", statement="select 1", persona="nobody-knows")
        assert "nobody-knows" in told
        assert "--help" in await refused(client, "explain", statement="--help", persona="anon")
        assert "effort" in await refused(client, "audit", effort=0)

    asking(talk)


def test_missing_package_is_a_sentence(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    done = run("mcp", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "pgassay mcp needs the Python package mcp, which is not installed.",
        "To fix this, run: pip install 'pgassay[mcp]'",
    ]
