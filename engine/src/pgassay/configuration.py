"""`pgassay config`: what a project's configuration comes to, and the JSON schema of its file."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

import msgspec

from pgassay.commands import Command, add_common, configure, tell_notes
from pgassay.config import Config
from pgassay.config_keys import MEANINGS, json_schema
from pgassay.errors import ExitCode
from pgassay.render.json import dump
from pgassay.render.output import check_writable, write_report
from pgassay.supabase.environments import environment_files


def effective(config: Config) -> dict[str, Any]:
    """Each key with the value that holds; files are relative to the project's folder where they are in it."""
    return {key: msgspec.to_builtins(_spell(getattr(config, key), config.root)) for key in MEANINGS}


def _spell(value: object, root: Path) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, Path):
        return str(value.relative_to(root) if value.is_relative_to(root) else value)
    if isinstance(value, tuple):
        platform = environment_files("supabase")
        if platform and value[: len(platform)] == platform:
            return ["supabase", *(_spell(part, root) for part in value[len(platform) :])]
        return [_spell(part, root) for part in value]
    return value


def _add(parser: ArgumentParser) -> None:
    add_common(parser, formats=("text", "json"))
    parser.add_argument(
        "--json-schema", action="store_true", help="the JSON schema of pgassay.toml instead, for editors"
    )


def _run(options: Namespace) -> int:
    if options.output:
        check_writable(options.output)
    if options.json_schema:
        report = json.dumps(json_schema(), indent=2) + "\n"
    else:
        config = configure(options)
        tell_notes(config.notes)
        if options.format == "json":
            report = dump(root=str(config.root), keys=effective(config))
        else:
            report = _text(config)
    print(report, end="", flush=True)
    if options.output:
        write_report(options.output, report)
    return ExitCode.GOOD


def _text(config: Config) -> str:
    """A line a key, its value as JSON."""
    lines = [
        f"  {key:<18} {json.dumps(value, ensure_ascii=False)}" for key, value in effective(config).items()
    ]
    return "\n".join([str(config.root), *lines]) + "\n"


COMMAND = Command(
    name="config", help="what the configuration comes to, and its JSON schema", add=_add, run=_run
)
