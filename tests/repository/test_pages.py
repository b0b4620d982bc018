"""What the pages of this project tell a reader to do can be done, and their links lead somewhere."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt  # comes with rich

from pgassay.cli import make_parser
from pgassay.database import Session
from pgassay.errors import ExitCode
from pgassay.observation import Outcome, Persona
from pgassay.server.binaries import OLDEST

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.joinpath("docs").glob("*.md")])
TARGETS = set(re.findall(r"^([a-z-]+):", ROOT.joinpath("Makefile").read_text("utf-8"), re.MULTILINE))


def tokens(page: Path, kind: str) -> list[str]:
    """The text of the code, or the goal of the links, of a page."""
    blocks = MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))
    read = [token for block in blocks for token in (block, *(block.children or ()))]
    return [
        str(token.attrs.get("href") or token.attrs.get("src") or token.content)
        for token in read
        if token.type in kind.split()
    ]


def commands(page: Path) -> list[str]:
    """Lines of blocks, and inline code; two blanks after a command begin a remark."""
    lines = [line for block in tokens(page, "fence") for line in block.replace("\\\n", " ").splitlines()]
    return [
        re.split(r" {2,}|\s#", line.removeprefix("$ "))[0] for line in (*lines, *tokens(page, "code_inline"))
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_target_of_make_exists(page: Path) -> None:
    named = {word for line in commands(page) for word in re.findall(r"\bmake ([a-z]+[a-z-]*)", line)}
    assert named <= TARGETS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_whole_command_parses(page: Path) -> None:
    for block in tokens(page, "fence"):
        for line in block.replace("\\\n", " ").splitlines():
            if re.match(r"(\$ )?pgassay [a-z]+", line):
                make_parser().parse_args(shlex.split(line.removeprefix("$ "), comments=True)[1:])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    goals = [link.partition("#")[0] for link in tokens(page, "link_open image")]
    assert [goal for goal in goals if goal and not (page.parent / goal).exists()] == []


def test_pages_have_commands() -> None:
    found = [line for page in PAGES for line in commands(page)]
    assert sum(line.startswith("make ") for line in found) > 20
    assert sum(line.startswith("pgassay ") for line in found) > 5


def test_readme_says_which_versions_and_exit_codes_there_are() -> None:
    text = " ".join(ROOT.joinpath("README.md").read_text("utf-8").split())
    project = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text("utf-8"))["project"]
    assert f"Python {project['requires-python'].removeprefix('>=')} or newer" in text
    assert f"an installed PostgreSQL {OLDEST} or newer" in text
    words = {ExitCode.GOOD: "good", ExitCode.SCHEMA_PROBLEM: "the schema has a problem"}
    words |= {ExitCode.CANNOT_JUDGE: "the run could not judge"}
    assert f"Exit codes: {', '.join(f'{code:d} {word}' for code, word in words.items())}." in text


def test_make_help_lists_every_target() -> None:
    makefile = ROOT.joinpath("Makefile").read_text("utf-8")
    listed = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    assert TARGETS - listed == {"schedule"}  # the former name of another


def test_test_of_the_guide_passes(session: Session, alice: Persona) -> None:
    [block] = re.findall(
        r"```python\n(.*?)```", ROOT.joinpath("docs/testing.md").read_text("utf-8"), re.DOTALL
    )
    defined: dict[str, Any] = {"Session": Session, "Persona": Persona, "Outcome": Outcome}
    exec(block, defined)
    defined["test_user_cannot_raise_own_credits"](session, alice)
