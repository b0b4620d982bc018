"""What commands have in common: how a feature registers one, its usual arguments, what comes of them."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from pgassay.config import AUTO_WORLD, Config, load_config
from pgassay.database import Script, parse_script, read_script
from pgassay.errors import ConfigError, SchemaError, ServerError, printable
from pgassay.extensions.statements import changes_roles, mentions_xml, requested
from pgassay.pgtap.folder import list_pgtap_files
from pgassay.project.find import find_project
from pgassay.render.output import Output, check_writable
from pgassay.server import AUTO, choose_version, list_stand_ins
from pgassay.supabase.hooks import CLAIMS_HOOK, missing_hook

_EXPECTED = frozenset({"pgcrypto", "uuid-ossp"})


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command of `pgassay`: `add` gives its arguments to a parser, `run` returns the exit code."""

    name: str
    help: str
    add: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], int]
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Extension:
    """More arguments of another feature's command, which runs this one where `applies` says so."""

    of: str
    add: Callable[[ArgumentParser], None]
    applies: Callable[[Namespace], bool]
    run: Callable[[Namespace], int]


def add_common(parser: ArgumentParser, *, formats: Iterable[str], folder: bool = True) -> None:
    """What to look at, on which server, and how to tell; with a `folder`, PATH says which project, too."""
    add_project(parser, folder=folder)
    parser.add_argument("--format", choices=tuple(formats), default="text")
    parser.add_argument("--output", type=Path, metavar="PATH", help="write the report here")


def add_project(parser: ArgumentParser, *, folder: bool = True) -> None:
    """Which project, what of it, and on which server. `folder`: PATH instead of `--project PATH` will do."""
    parser.add_argument(
        "--project", type=Path, metavar="PATH",
        help="the project in this folder or above it (default: in the working directory or above it)",
    )  # fmt: skip
    if folder:
        parser.add_argument("folder", type=Path, nargs="?", metavar="PATH", help="the same as --project PATH")
    parser.add_argument(
        "--schema", type=Path, action="append", metavar="PATH",
        help="this file instead of the project's schema; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--world", type=Path, metavar="PATH",
        help="this file instead of the project's world; `auto`: no file, all rows are made",
    )  # fmt: skip
    parser.add_argument(
        "--server", metavar="CHOICE",
        help="embedded, system, a major version (15 to 18), a bin directory or a connection URL "
        "(default: PGASSAY_SERVER, then the configuration)",
    )  # fmt: skip


def add_reporting(parser: ArgumentParser, *, formats: Iterable[str], folder: bool = True) -> None:
    """The common ones, and further reports."""
    add_common(parser, formats=formats, folder=folder)
    parser.add_argument(
        "--report", type=partial(_report, tuple(formats)), action="append", default=[], metavar="FORMAT=PATH",
        help="write this report too; may be repeated, so that one run serves all readers",
    )  # fmt: skip


def add_effort(parser: ArgumentParser) -> None:
    """How hard to look for rows."""
    parser.add_argument(
        "--effort", type=int, choices=range(1, 101), metavar="N",
        help="try N times as many statements for each row that is hard to make (default: 1)",
    )  # fmt: skip


def add_jobs(parser: ArgumentParser) -> None:
    """In how many processes the suites run."""
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="N",
        help="run the suites in N processes, where pytest-xdist is installed (default: one a processor)",
    )  # fmt: skip


def _report(formats: tuple[str, ...], text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    if name in formats and path:
        return name, Path(path)
    raise ArgumentTypeError(f"{text!r} is not FORMAT=PATH, of the formats {', '.join(formats)}")


def choose_project(options: Namespace) -> Path:
    """The root of the project that the arguments name, else that of the working directory."""
    return find_project(options.project or getattr(options, "folder", None) or Path.cwd())


def configure(options: Namespace, *, makes_world: bool = False) -> Config:
    """The project's configuration, with what the arguments say instead."""
    config = load_config(choose_project(options), makes_world=makes_world)
    if options.world:
        is_auto = str(options.world) == AUTO_WORLD
        config = replace(config, world=None if is_auto else options.world.absolute())
    if options.schema:
        config = replace(config, schema=tuple(path.absolute() for path in options.schema), notes=())
    if effort := getattr(options, "effort", None):
        config = replace(config, effort=effort)
    asked = options.server or os.environ.get("PGASSAY_SERVER")
    return replace(config, server=asked) if asked else choose_own_server(config)


def choose_own_server(config: Config) -> Config:
    """The configuration with the server that the project itself names, and a note where that is another."""
    ours = config.server == AUTO
    texts = [read_script(path).text for path in config.schema] if ours else []
    chosen = choose_version(
        config.server,
        config.major_version,
        _list_extensions(config) if ours else frozenset(),
        xml=any(map(mentions_xml, texts)),
        roles=any(map(changes_roles, texts)),
    )
    notes = (*config.notes, chosen.note) if chosen.note else config.notes
    return replace(config, server=chosen.choice, notes=notes)


def _list_extensions(config: Config) -> frozenset[str]:
    """The extensions that files of schema and pgTAP create.

    Raises ConfigError for a file of the schema that cannot be read.
    """
    texts = [read_script(path).text for path in config.schema]
    for file in (file for folder in config.pgtap for file in list_pgtap_files(folder)):
        with suppress(ConfigError):  # only the suites need it, and say so
            texts.append(read_script(file).text)
    return frozenset[str]().union(*map(requested, texts))


def _tell_stand_ins(config: Config) -> None:
    """Tell where extensions that the project creates, or begins with, are not the real ones."""
    try:
        names = list_stand_ins(config.server, _list_extensions(config) | _EXPECTED)
    except ServerError:  # whoever starts it will say so, in its turn
        return
    if names:
        tell_notes(
            [f"pgassay stands in for {', '.join(names)}: see `pgassay doctor` and `pgassay help extensions`."]
        )


def tell_notes(notes: Iterable[str]) -> None:
    """Tell on the terminal what a person should know, beside the report."""
    for note in notes:
        print(f"note: {printable(note)}", file=sys.stderr)


def prepare(options: Namespace, *, makes_world: bool = False, tells_notes: bool = True) -> Config:
    """As `configure`; refuses at once what cannot be read or written, before a server is started for it.

    A command that `makes_world` takes the name of a file that is not there yet. One that does not have the
    configuration's notes told here tells them itself.
    """
    config = configure(options, makes_world=makes_world)
    for path in _paths(options):
        check_writable(path)
    if config.world and not (makes_world and not config.world.exists()):
        read_script(config.world)
    scripts = [read_script(path) for path in config.schema]
    if any(map(_says_something, scripts)):
        if tells_notes:
            tell_notes(config.notes)
        _tell_stand_ins(config)
        hook = config.hooks.get(CLAIMS_HOOK, "")
        tell_notes(filter(None, [missing_hook(hook, (script.text for script in scripts))]))
        return config
    if scripts:
        raise ConfigError(
            f"{', '.join(str(script.path) for script in scripts)}: no SQL statement is in there."
        )
    raise ConfigError(
        "There is no schema to look at.",
        why=f"{config.root} has no file in supabase/migrations, and no configuration that names a schema.",
        fixes=(
            "name the folder of a project: --project PATH",
            "give one: --schema PATH",
            'add schema = ["schema.sql"] to pgassay.toml',
        ),
    )


def _says_something(script: Script) -> bool:
    """Whether it has a statement, or what is none and should be."""
    try:
        return bool(parse_script(script))
    except SchemaError:
        return True


def _paths(options: Namespace) -> list[Path]:
    """All that is to be written."""
    reports = [path for _, path in getattr(options, "report", ())]
    output = getattr(options, "output", None)
    return [output, *reports] if output else reports


def choose_output(options: Namespace) -> Output:
    """With `--output` the chosen format goes there, and the terminal shows the text."""
    if options.output:
        return Output(files=((options.format, options.output), *options.report))
    return Output(shown=options.format, files=tuple(options.report))


@contextmanager
def show_progress() -> Iterator[Callable[[str], None]]:
    """Show on a terminal which stage is going on; stay quiet in a pipe."""
    console = Console(stderr=True)
    with console.status("starting PostgreSQL") as status:
        yield lambda stage: status.update(escape(stage))
