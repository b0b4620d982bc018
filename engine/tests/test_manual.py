"""`pgassay help` has every page of the documentation, and messages name pages by what it understands."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import pgassay
from pgassay import cli, manual
from pgassay.errors import ConfigError

SOURCE = Path(pgassay.__file__).parent


def texts() -> Iterator[str]:
    """What the code may say: all its literals but docstrings."""
    for path in SOURCE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        silent = {
            id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)
        }  # docstrings, also of values
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent:
                yield node.value


def test_no_message_names_a_file_that_only_a_checkout_has() -> None:
    assert [text for text in texts() if re.search(r"\bdocs/|\.md\b", text) and text != "*.md"] == []


def test_messages_name_pages_that_are_there() -> None:
    named = {topic for text in texts() for topic in re.findall(r"pgassay help ([a-z/-]+)", text)}
    assert named >= {"extensions", "keys", "matrix", "plans", "races"}
    assert all(manual.find_page(topic).is_file() for topic in named - {"rules/"})


@pytest.mark.parametrize("topic", ["matrix", "rules/races", "strangers"])
def test_page_is_found_by_its_path_or_its_name(topic: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["help", topic]) == 0
    [page] = (path for name, path in manual.pages().items() if f"/{name}".endswith(f"/{topic}"))
    assert capsys.readouterr().out == page.read_text(encoding="utf-8")


def test_list_has_every_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["help"]) == 0
    listed = re.findall(r"^- `([a-z/-]+)`: \S", capsys.readouterr().out, re.MULTILINE)
    assert listed == [*manual.pages()]


@pytest.mark.parametrize(
    ("topic", "way_out"),
    [("tutorail", "pgassay help tutorial"), ("12345", "see which there are: pgassay help")],
)
def test_topic_without_a_page_names_others(topic: str, way_out: str) -> None:
    with pytest.raises(ConfigError) as caught:
        manual.find_page(topic)
    assert caught.value.fixes[0].endswith(way_out)
