"""The documentation agrees with the code: commands parse, links lead somewhere, written pages are current."""

from __future__ import annotations

import argparse
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pgassay.cli import make_parser
from tests.documents import ENGINE, PAGES, anchors, blocks, inline_code, links, shown_commands

REFERENCE: dict[str, Any] = runpy.run_path(str(ENGINE / "tools" / "reference.py"))
PARSERS: Mapping[str, argparse.ArgumentParser] = {
    name: parser for name, _, parser in REFERENCE["subcommands"]()
}
SHELL = ("console", "sh", "bash")


def ids(page: Path) -> str:
    return str(page.relative_to(ENGINE))


def commands(page: Path) -> Iterator[str]:
    """Each call of pgassay in a block of a page; two blanks after it begin a remark."""
    for block in blocks(page):
        prompted = [command for command, _ in shown_commands(block.text)]
        plain = block.text.replace("\\\n", " ").splitlines() if block.kind in (*SHELL, "") else []
        steps = re.findall(r"^- run: (.*)$", block.text, re.MULTILINE) if block.kind == "yaml" else []
        for line in (*prompted, *plain, *steps):
            command = re.split(r" {2,}", line.removeprefix("$ ").removeprefix(".venv/bin/"))[0]
            if command.startswith("pgassay "):
                yield command


def test_commands_of_all_pages_are_found() -> None:
    found = {command.split()[1] for page in PAGES for command in commands(page)}
    assert found >= {"audit", "diff", "explain", "init", "mutate", "races", "up", "verify"}


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_command_parses(page: Path) -> None:
    for command in commands(page):
        make_parser().parse_args(shlex.split(command, comments=True)[1:])


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_command_and_option_that_is_named_exists(page: Path) -> None:
    if page.name == "CHANGELOG.md":  # tells of former ones, too
        return
    for text in inline_code(page):
        words = text.split()
        if words[:1] != ["pgassay"] or len(words) < 2 or not words[1].isalpha() or words[1].isupper():
            continue
        assert words[1] in PARSERS, text
        named = {word.partition("=")[0] for word in words if re.fullmatch(r"--[a-z][a-z-]*(=.*)?", word)}
        known = {flag for action in PARSERS[words[1]]._actions for flag in action.option_strings}
        assert named <= known, text


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_link_leads_somewhere(page: Path) -> None:
    """On GitHub, where pages are read as they are."""
    for link in links(page):
        path, _, anchor = link.partition("#")
        assert not re.match(r"[a-z]+:", link), f"{link} leads out of the sources"
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("path", REFERENCE["pages"](), ids=lambda path: path.name)
def test_page_is_what_the_code_says(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == REFERENCE["pages"]()[path], "run: python tools/reference.py"


def test_every_page_is_in_a_site_without_a_dead_link(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ENGINE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    built = {str(path.relative_to(tmp_path).with_suffix(".md")) for path in tmp_path.rglob("*.html")}
    assert built - {"404.md"} == {
        str(path.relative_to(ENGINE / "docs")) for path in (ENGINE / "docs").rglob("*.md")
    }
