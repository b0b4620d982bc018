"""The access matrix of a project beside the baseline that its people accepted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from pgassay.config import Config
from pgassay.database import open_session
from pgassay.errors import CannotJudgeError, ConfigError, ExitCode, Place
from pgassay.matrix.baseline import BaselineLine, Deviation, compare, read_accepted, read_baseline
from pgassay.matrix.model import Matrix
from pgassay.matrix.worlds import survey_filled
from pgassay.workbench import Workbench
from pgassay.world import Show, fill
from pgassay.world.model import NO_ROWS, World


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """A matrix and where it differs from the file `baseline`, which is None where there is none.

    `world`: the rows that were made for it.
    """

    matrix: Matrix
    world: World = NO_ROWS
    baseline: Path | None
    differences: tuple[Deviation, ...]

    @property
    def exit_code(self) -> ExitCode:
        """Good where nothing differs and nothing is broken; no verdict where a probe went wrong."""
        if self.matrix.errors:
            return ExitCode.CANNOT_JUDGE
        is_problem = self.differences or self.matrix.broken
        return ExitCode.SCHEMA_PROBLEM if is_problem else ExitCode.GOOD

    def place_of(self, difference: Deviation) -> Place | None:
        """The line of the baseline; its start for what it lacks; None where there is none."""
        return Place(file=self.baseline, line=difference.line) if self.baseline else None


def assess(
    bench: Workbench, *, only: Collection[str] = (), world: World | None = None, show: Show = str
) -> Assessment:
    """Load schema and world into a database of their own and survey it, or `only` these objects of it.

    Rows that it lacks are made as the configuration says, unless `world` has them; `show` hears of it.

    Raises SchemaError when they do not load, ConfigError for no personas or a broken baseline,
    CannotJudgeError when there is nothing at all to try. Of an object whose rows are gone, lines are unused.
    """
    if not bench.personas:
        raise ConfigError(
            "There is nobody to try anything.",
            why=f"The configuration in {bench.config.root} names no persona.",
            fixes=('add personas.alice = { role = "authenticated", sub = "…" }',),
        )
    accepted = load_baseline(bench.config)
    if accepted and only:
        accepted = {question: line for question, line in accepted.items() if line.object in only}
    world = fill(bench, show) if world is None else world
    people = (*bench.personas.values(), *world.personas)
    with bench.database(rows=world.statements) as database, open_session(database) as session:
        matrix = survey_filled(session, bench, world, people, rows=bench.config.rows, only=only)
    if not matrix.cells and not only:
        raise CannotJudgeError(
            "There is nothing to try: the API serves no table, view or function of this schema.",
            why="It serves the schemas in pgrst.db_schemas of the role authenticator; public without it.",
            fixes=('name those that it serves: exposed = ["api"] in pgassay.toml or [tool.pgassay]',),
        )
    return Assessment(
        matrix=matrix,
        world=world,
        baseline=None if accepted is None else bench.config.baseline,
        differences=() if accepted is None else compare(matrix, accepted),
    )


def load_baseline(config: Config) -> dict[str, BaselineLine] | None:
    """The configured baseline; None where none is configured, or its file is not there yet."""
    text = _read(config)
    return None if text is None else read_baseline(text, source=str(config.baseline))


def load_accepted(config: Config) -> frozenset[str]:
    """The gains without cells that the configured baseline accepts, in their words."""
    return read_accepted(_read(config) or "")


def _read(config: Config) -> str | None:
    path = config.baseline
    if path is None or not path.exists():
        return None
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fix = "let it be a text in UTF-8 that this user may read"
        raise ConfigError(f"Cannot read the baseline {path}: {error}", fixes=(fix,)) from error
