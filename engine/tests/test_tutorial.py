"""The tutorial, carried out: its files are written, its commands run, and say what it shows."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pgassay.server import Server

Run = Callable[..., subprocess.CompletedProcess[str]]
TEXT = (Path(__file__).parents[1] / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def commands(block: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of a block, and the lines that are shown below it."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, *shown = part.rstrip("\n").split("\n")
        yield command, shown


def timeless(text: str) -> str:
    """Without what is another in each run: times, keys that are drawn, the server, and how lines break."""
    text = re.sub(r"[0-9]+\.[0-9]+ s", "0.0 s", text)
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "KEY", text)
    text = re.sub(r"PostgreSQL [0-9.]+ \([^)]*\)", "PostgreSQL", text)
    return " ".join(text.split())


def test_tutorial_has_something_to_try() -> None:
    assert {kind for kind, _ in BLOCKS} == {"console", "sql", "yaml"}
    assert sum(len(list(commands(block))) for kind, block in BLOCKS if kind == "console") > 10


def test_what_is_shown_must_be_said_in_its_order() -> None:
    assert_shown("two\n  lines in 1.5 s\n…\nend\n", "first two lines\nin 0.2 s, more, end.")
    for shown in ("nothing\n", "end\n…\ntwo\n"):
        with pytest.raises(AssertionError, match="is not in"):
            assert_shown(shown, "two, end")


@pytest.mark.slow
def test_tutorial_ends_as_it_says(
    tmp_path: Path, server: Server, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGASSAY_SERVER", server.url("postgres"))
    code = 0
    for kind, block in BLOCKS:
        if kind == "sql":
            name = block.partition("\n")[0].removeprefix("-- ")
            assert name.startswith("supabase/migrations/")
            (tmp_path / name).write_text(block, encoding="utf-8")
        for command, shown in commands(block) if kind == "console" else ():
            if command == "echo $?":
                assert [str(code)] == shown
                continue
            done = carry_out(command, tmp_path, run)
            code = done.returncode
            assert_shown("\n".join(shown), done.stdout + done.stderr)


def assert_shown(shown: str, said: str) -> None:
    """What is shown was said, in this order; `…` stands for anything."""
    left = timeless(said)
    for part in filter(None, map(timeless, re.split("^…$", shown, flags=re.MULTILINE))):
        _, found, left = left.partition(part)
        assert found, f"{part!r} is not in {said}"


def carry_out(command: str, folder: Path, run: Run) -> subprocess.CompletedProcess[str]:
    words = shlex.split(command)
    if words[0] == "pgassay":
        return run(*words[1:], cwd=folder)
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True)
