"""The command `pgassay init`."""

from __future__ import annotations

import os
import shlex
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from pgassay.commands import Command, add_project, prepare, show_progress
from pgassay.config import Config, PersonaConfig, is_configured
from pgassay.errors import ExitCode
from pgassay.init.texts import hook_entry, hook_text, toml_text, workflow_text
from pgassay.matrix.assessment import Assessment, assess
from pgassay.matrix.baseline import render_baseline
from pgassay.matrix.report import describe_wrong
from pgassay.render.output import check_writable, write_report
from pgassay.server import Server, open_server
from pgassay.supabase.project import is_supabase_project, read_supabase_project
from pgassay.workbench import Workbench
from pgassay.world import fill
from pgassay.world.model import NO_ROWS, World
from pgassay.world.report import world_text


@dataclass(frozen=True, kw_only=True)
class Item:
    """A file to write, unless it is there: what makes its text, and what to say where it is."""

    path: Path
    make: Callable[[], str]
    kept: str = "is there already"


@dataclass(frozen=True, kw_only=True)
class InitRequest:
    """What is to be written besides pgassay.toml, the world and the baseline; `force`: over what is there."""

    schema: tuple[str, ...] = ()
    workflow: bool = False
    pre_commit: bool = False
    force: bool = False


@dataclass(frozen=True, kw_only=True)
class Initialised:
    """A line for each file and each thing that is broken; what the matrix behind the baseline answers."""

    lines: tuple[str, ...]
    exit_code: ExitCode


def initialise(config: Config, server: Server, request: InitRequest) -> Initialised:
    """Write what is missing. Nothing is written where the schema does not load.

    Raises SchemaError for that, ConfigError for what cannot be written.
    """
    worlds = _World(config, server, _world_path(config), anew=request.force)
    items = list(_items(config, worlds, request))
    wanted = [item for item in items if request.force or not item.path.exists()]
    for item in wanted:
        if item.path.parent.is_dir():  # makes no folder, which a schema that does not load would leave behind
            check_writable(item.path)
    texts = {item.path: item.make() for item in wanted}
    for path in texts:
        check_writable(path)
    lines = []
    for item in items:
        if item.path in texts:
            write_report(item.path, texts[item.path])
        shown = os.path.relpath(item.path)
        lines.append(f"wrote  {shown}" if item.path in texts else f"kept   {shown}: it {item.kept}")
    if config.root / "pgassay.toml" not in texts and not (config.world and config.baseline):
        lines.append('Name them in the configuration: world = "world.sql", baseline = "access.matrix".')
    if not texts:
        lines.append("Nothing was changed.")
    if worlds.judged is None:
        return Initialised(lines=tuple(lines), exit_code=ExitCode.GOOD)
    wrong = describe_wrong(worlds.judged.matrix)
    return Initialised(lines=(*lines, *wrong), exit_code=worlds.judged.exit_code)


def _world_path(config: Config) -> Path:
    return config.world or config.root / "world.sql"


def _items(config: Config, worlds: _World, request: InitRequest) -> Iterator[Item]:
    root, toml = config.root, config.root / "pgassay.toml"
    configured = is_configured(root) and not toml.exists()
    world = _world_path(config)
    baseline = config.baseline or root / "access.matrix"
    yield Item(path=world, make=lambda: worlds.text)
    yield Item(path=baseline, make=lambda: worlds.baseline)
    if not configured:
        yield Item(
            path=toml,
            make=lambda: toml_text(
                worlds.personas,
                world=_name(root, world),
                baseline=_name(root, baseline),
                schema=request.schema,
                exposed=_unsaid_exposure(config),
            ),
        )
    top = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)
    project = shlex.quote(_name(top, root))
    if request.workflow:
        yield Item(path=top / ".github/workflows/pgassay.yml", make=lambda: workflow_text(project))
    if request.pre_commit:
        hooks = top / ".pre-commit-config.yaml"
        has = hooks.exists() and "id: pgassay" in hooks.read_text(encoding="utf-8")
        kept = "has the hook" if has else f"is there already. Add to its repos:\n{hook_entry(project)}"
        yield Item(path=hooks, make=lambda: hook_text(project), kept=kept)


def _unsaid_exposure(config: Config) -> bool | None:
    """Whether API roles are given new tables, as is assumed; None where the Supabase project says it."""
    root = config.root
    if not is_supabase_project(root) or read_supabase_project(root).settings.expose_new_tables is not None:
        return None
    return config.expose_new_tables is not False


class _World:
    """The rows that are there, or that are made; and what everybody can do with them.

    `judged` is that, once the baseline was asked for.
    """

    judged: Assessment | None = None

    def __init__(self, config: Config, server: Server, path: Path, *, anew: bool) -> None:
        self._config = replace(config, world=None, baseline=None, fill_world=True)
        self._server = server
        self._kept = None if anew or not path.exists() else path

    @cached_property
    def _made(self) -> World:
        return NO_ROWS if self._kept else fill(Workbench(self._config, self._server))

    @property
    def text(self) -> str:
        return self._kept.read_text(encoding="utf-8") if self._kept else world_text(self._made)

    @property
    def personas(self) -> Mapping[str, PersonaConfig]:
        """Those that are configured, and whom the conditions tell apart."""
        found = {one.name: PersonaConfig(role=one.role, claims=one.claims) for one in self._made.personas}
        return {**self._config.personas, **found}

    @property
    def baseline(self) -> str:
        with TemporaryDirectory(prefix="pgassay-") as folder:
            path = Path(folder) / "world.sql"
            path.write_text(self.text, encoding="utf-8")
            config = replace(self._config, world=path, personas=self.personas, find_personas=False)
            self.judged = assess(Workbench(config, self._server))
        return render_baseline(self.judged.matrix)


def _name(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def _add(parser: ArgumentParser) -> None:
    add_project(parser)
    parser.add_argument("--workflow", action="store_true", help="write a workflow for GitHub, too")
    parser.add_argument("--pre-commit", action="store_true", help="write an entry for pre-commit, too")
    parser.add_argument("--force", action="store_true", help="write over what is there")


def _run(options: Namespace) -> int:
    config = prepare(options, makes_world=True)
    request = InitRequest(
        schema=tuple(_name(config.root, path) for path in config.schema) if options.schema else (),
        workflow=options.workflow,
        pre_commit=options.pre_commit,
        force=options.force,
    )
    with show_progress() as show, open_server(config.server) as server:
        show("making a world and a baseline")
        done = initialise(config, server, request)
    print("\n".join(done.lines))
    return done.exit_code


COMMAND = Command(
    name="init", help="write a configuration, a world and a baseline for this project", add=_add, run=_run
)
