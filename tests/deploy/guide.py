"""docs/deployment.md as data: the tests run what it says, letter for letter."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pgassay.database import Database
from pgassay.pgtap.run import find_psql

HERE = Path(__file__).resolve().parent
GUIDE = HERE.parents[1] / "docs" / "deployment.md"
EXTENSIONS = (HERE / "extensions.sql",)
"""What a project needs besides its environment for all that the guide says."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """One fenced block; `intro` is the paragraph before it."""

    section: str
    language: str
    intro: str
    text: str


def read_guide() -> tuple[Block, ...]:
    """All blocks, in order."""
    return tuple(_blocks(GUIDE.read_text(encoding="utf-8")))


def find_block(section: str, language: str, saying: str = "") -> Block:
    """The one block of a section in a language, whose intro or text has `saying`."""
    found = [
        block
        for block in read_guide()
        if (block.section, block.language) == (section, language) and saying in block.intro + block.text
    ]
    assert len(found) == 1, f"{GUIDE.name} has {len(found)} such blocks"
    return found[0]


def ask(database: Database, section: str, saying: str) -> str:
    """What psql prints, unaligned, for a query of the guide, as the owner."""
    psql = [str(find_psql(database.server.bin_dir)), "-XAtq", "-v", "ON_ERROR_STOP=1", database.url()]
    query = find_block(section, "sql", saying).text
    done = subprocess.run(psql, input=query, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def _blocks(text: str) -> Iterator[Block]:
    for section in text.split("\n## ")[1:]:
        title, _, body = section.partition("\n")
        for found in re.finditer(r"([^\n]*)\n\n```(\w+)\n(.*?)```", f"\n{body}", flags=re.DOTALL):
            yield Block(section=title, language=found[2], intro=found[1], text=found[3])
