"""`pgassay help`: the pages of the documentation, which come with the package."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from difflib import get_close_matches
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown

from pgassay.commands import Command
from pgassay.errors import ConfigError, ExitCode

_HERE = Path(__file__).parent
_WIDTH = 100


def pages() -> dict[str, Path]:
    """Each page by its topic: its path below the folder of pages, without the ending."""
    installed = _HERE / "docs"
    folder = installed if installed.is_dir() else _HERE.parents[1] / "docs"  # in a checkout
    return {
        path.relative_to(folder).with_suffix("").as_posix(): path for path in sorted(folder.rglob("*.md"))
    }


def find_page(topic: str) -> Path:
    """The page of a topic; its last part suffices where no other page has it. Raises ConfigError."""
    known = pages()
    ends = [name for name in known if name.rpartition("/")[2] == topic]
    if topic in known:
        return known[topic]
    if len(ends) == 1:
        return known[ends[0]]
    likely = ends or get_close_matches(topic, known, n=3)
    fixes = [f"name one of them: pgassay help {name}" for name in likely]
    raise ConfigError(
        f"There is no page {topic!r}." if not ends else f"There are several pages {topic!r}.",
        fixes=tuple(fixes or ["see which there are: pgassay help"]),
    )


def _contents() -> str:
    lines = [f"- `{topic}`: {_title(path)}\n" for topic, path in pages().items()]
    return f"# Pages of the documentation\n\n`pgassay help TOPIC` shows one.\n\n{''.join(lines)}"


def _title(path: Path) -> str:
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix("# ")


def _add(parser: ArgumentParser) -> None:
    parser.add_argument("topic", nargs="?", metavar="TOPIC", help="which page (default: a list of all)")


def _run(options: Namespace) -> int:
    text = find_page(options.topic).read_text(encoding="utf-8") if options.topic else _contents()
    if sys.stdout.isatty():
        Console(width=min(_WIDTH, Console().width)).print(Markdown(text))
    else:
        print(text, end="", flush=True)
    return ExitCode.GOOD


COMMAND = Command(name="help", help="a page of the documentation", add=_add, run=_run)
