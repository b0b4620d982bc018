"""Write the pages of docs/reference that follow from the code: commands, keys of a configuration, rules.

    python tools/reference.py

A test compares them with what is written here.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pgassay.cli import make_parser
from pgassay.config import Config
from pgassay.config_keys import MEANINGS, json_schema

DOCS = Path(__file__).parents[1] / "docs"
OF_MOST = ("--project", "--schema", "--world", "--server", "--format", "--output", "--report")
_WRITTEN = "<!-- Written by tools/reference.py: change what it reads. -->\n"
_PLAIN = Config()
_ABOUT_KEYS = """\
They stand in `pgassay.toml`, or in `[tool.pgassay]` of pyproject.toml.
[configuration.md](../configuration.md) says what holds without them; `pgassay config` shows what a
project's configuration comes to.

**In an editor.** `pgassay config --json-schema` prints the [JSON schema](pgassay.schema.json) of the file. An
editor with a language server for TOML completes and checks keys if its first line is
`#:schema ./pgassay.schema.json`.
"""


def pages() -> Mapping[Path, str]:
    """The text of each page by its path."""
    return {
        DOCS / "reference" / "commands.md": "\n".join(_commands()),
        DOCS / "reference" / "keys.md": "\n".join(_keys()),
        DOCS / "reference" / "rules.md": "\n".join(_rules()),
        DOCS / "reference" / "pgassay.schema.json": json.dumps(json_schema(), indent=2) + "\n",
    }


def subcommands() -> Iterator[tuple[str, str, argparse.ArgumentParser]]:
    """Name, help and parser of each command."""
    [tree] = (a for a in make_parser()._actions if isinstance(a, argparse._SubParsersAction))
    for entry in tree._choices_actions:
        name = entry.metavar.partition(" ")[0]
        yield name, entry.help, tree.choices[name]


def _commands() -> Iterator[str]:
    commands = list(subcommands())
    yield f"# Commands\n\n{_WRITTEN}"
    yield "`pgassay COMMAND --help` prints what stands here. All have the same [exit codes](exit-codes.md).\n"
    yield "| command | what it tells |\n|---|---|"
    yield from (f"| [`pgassay {name}`](#pgassay-{name}) | {_cell(about)} |" for name, about, _ in commands)
    yield "\n## Options of most commands\n"
    shared = {flag: a for _, _, p in commands for a in p._actions for flag in a.option_strings}
    yield "| option | |\n|---|---|"
    yield from (
        _row(shared[flag], told={"--format": "how to tell it; `text` unless said"}) for flag in OF_MOST
    )
    for name, about, parser in commands:
        yield from _command(name, about, parser._actions)


def _command(name: str, about: str, actions: list[argparse.Action]) -> Iterator[str]:
    yield f"\n## pgassay {name}\n\n{about[0].upper()}{about[1:]}.\n"
    needed = [a for a in actions if not a.option_strings or a.required]
    yield f"```text\npgassay {' '.join([name, *map(_usage, needed), '[OPTION …]'])}\n```\n"
    own = [a for a in actions if not {*a.option_strings} & {*OF_MOST, "-h"}]
    if own:
        yield "| argument | |\n|---|---|"
        yield from map(_row, own)
    flags = [flag for flag in OF_MOST if any(flag in a.option_strings for a in actions)]
    if flags:
        yield f"\nOf most commands: {', '.join(f'`{flag}`' for flag in flags)}."
    for action in actions:
        if "--format" in action.option_strings:
            yield f"\nFormats: {', '.join(f'`{choice}`' for choice in action.choices or ())}."


def _usage(action: argparse.Action) -> str:
    spelled = _spell(action)
    optional = action.nargs in ("?", "*")
    return f"[{spelled}{' …' if action.nargs == '*' else ''}]" if optional else spelled


def _spell(action: argparse.Action) -> str:
    """An argument with its value, as one writes it."""
    value = (
        "" if action.nargs == 0 else action.metavar or ("{" + ",".join(map(str, action.choices or ())) + "}")
    )
    return f"{action.option_strings[-1]} {value}".rstrip() if action.option_strings else str(value)


def _row(action: argparse.Action, told: Mapping[str, str] = {}) -> str:
    flag = (action.option_strings or [""])[-1]
    if flag in told:
        return f"| `{flag} FORMAT` | {told[flag]} |"
    return f"| `{_cell(_spell(action))}` | {_cell((action.help or '') % {'default': action.default})} |"


def _keys() -> Iterator[str]:
    yield f"# Keys of a configuration\n\n{_WRITTEN}"
    yield _ABOUT_KEYS
    yield "| key | value | without it | |\n|---|---|---|---|"
    shapes = json_schema()["properties"]
    for key, meaning in MEANINGS.items():
        yield f"| `{key}` | {_kind(shapes[key])} | {_default(key)} | {_cell(meaning)} |"
    yield ""


def _kind(shape: Mapping[str, Any]) -> str:
    if "enum" in shape:
        return " or ".join(f'`"{choice}"`' for choice in shape["enum"])
    if "anyOf" in shape:
        return "text, or a list"
    names = {
        "string": "text",
        "integer": "number",
        "boolean": "`true` or `false`",
        "array": "list",
        "object": "table",
    }
    bounds = f", {shape['minimum']} to {shape['maximum']}" if "minimum" in shape else ""
    return names[shape["type"]] + bounds


def _default(key: str) -> str:
    if key in ("environment", "personas", "fill_world", "find_personas"):
        return "of the platform"
    value = getattr(_PLAIN, key)
    if isinstance(value, str | int) and not isinstance(value, bool):
        return f"`{json.dumps(value)}`"
    return "none"


def _rules() -> Iterator[str]:
    yield f"# Rules of the audit\n\n{_WRITTEN}"
    yield "A page has an example and its repair; [audit.md](../audit.md) says how severe each is.\n"
    yield "| rule | finds |\n|---|---|"
    for page in sorted((DOCS / "rules").glob("*.md")):
        title = page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        name, _, finds = title.partition(": ")
        yield f"| [`{name}`](../rules/{page.name}) | {_cell(finds)} |"
    yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
