"""The tutorial and the README, carried out: files are written, commands run, and say what is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgassay.server import Server
from tests.documents import ENGINE, Run, assert_shown, blocks, carry_out_page, shown_commands

TUTORIAL = ENGINE / "docs" / "tutorial.md"
README = ENGINE / "README.md"


def test_pages_have_something_to_try() -> None:
    assert {block.kind for block in blocks(TUTORIAL)} == {"console", "sql", "yaml"}
    for page, least in ((TUTORIAL, 10), (README, 2)):
        shown = [block.text for block in blocks(page) if block.kind == "console"]
        assert sum(len(list(shown_commands(text))) for text in shown) >= least


def test_what_is_shown_must_be_said_in_its_order() -> None:
    assert_shown("two\n  lines in 1.5 s\n…\nend\n", "first two lines\nin 0.2 s, more, end.")
    for shown in ("nothing\n", "end\n…\ntwo\n"):
        with pytest.raises(AssertionError, match="is not in"):
            assert_shown(shown, "two, end")


@pytest.mark.slow
@pytest.mark.parametrize("page", [TUTORIAL, README], ids=lambda page: page.stem)
def test_page_ends_as_it_says(
    page: Path, tmp_path: Path, server: Server, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGASSAY_SERVER", server.url("postgres"))
    carry_out_page(page, tmp_path, run)
