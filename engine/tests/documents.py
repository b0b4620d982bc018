"""What the documentation says in Markdown, as values: blocks, inline code and links."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt  # comes with rich
from markdown_it.token import Token

Run = Callable[..., subprocess.CompletedProcess[str]]
ENGINE = Path(__file__).parents[1]
PAGES = sorted([*ENGINE.glob("*.md"), *ENGINE.joinpath("docs").rglob("*.md")])
_PARSER = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block: the word after the fence, and what is in it."""

    kind: str
    text: str


def tokens(page: Path) -> Iterator[Token]:
    for token in _PARSER.parse(page.read_text(encoding="utf-8")):
        yield token
        yield from token.children or ()


def blocks(page: Path) -> list[Block]:
    return [Block(kind=t.info.strip(), text=t.content) for t in tokens(page) if t.type == "fence"]


def inline_code(page: Path) -> list[str]:
    return [token.content for token in tokens(page) if token.type == "code_inline"]


def links(page: Path) -> list[str]:
    """Where links and pictures lead."""
    named = {"link_open": "href", "image": "src"}
    return [str(token.attrs[named[token.type]]) for token in tokens(page) if token.type in named]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    read = list(tokens(page))
    titles = [read[n + 1].content for n, token in enumerate(read) if token.type == "heading_open"]
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def shown_commands(block: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of a block with prompts, and the lines that are shown below it."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, *shown = part.rstrip("\n").split("\n")
        yield command, shown


def assert_shown(shown: str, said: str) -> None:
    """What is shown was said, in this order; `…` stands for anything."""
    left = timeless(said)
    for part in filter(None, map(timeless, re.split("^…$", shown, flags=re.MULTILINE))):
        _, found, left = left.partition(part)
        assert found, f"{part!r} is not in {said}"


def timeless(text: str) -> str:
    """Without what is another in each run: times, keys that are drawn, the server, and how lines break."""
    text = re.sub(r"[0-9]+\.[0-9]+ s", "0.0 s", text)
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "KEY", text)
    text = re.sub(r"PostgreSQL [0-9.]+ \([^)]*\)", "PostgreSQL", text)
    return " ".join(text.split())


def carry_out_page(page: Path, folder: Path, run: Run) -> None:
    """Write the files that a page shows, run its commands, and hold what they say against what it shows.

    A file is a block whose first line names it in a comment.
    """
    code = 0
    for block in blocks(page):
        if block.kind == "sql":
            name = block.text.partition("\n")[0].removeprefix("-- ")
            assert name.endswith(".sql")
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(block.text, encoding="utf-8")
        for command, shown in shown_commands(block.text) if block.kind == "console" else ():
            if command == "echo $?":
                assert [str(code)] == shown
                continue
            done = _carry_out(command, folder, run)
            code = done.returncode
            assert_shown("\n".join(shown), done.stdout + done.stderr)


def _carry_out(command: str, folder: Path, run: Run) -> subprocess.CompletedProcess[str]:
    words = shlex.split(command)
    if words[0] == "pgassay":
        return run(*words[1:], cwd=folder)
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True)
