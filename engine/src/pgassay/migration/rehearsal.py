"""Carry a migration out on BASE with its world, and look at what it did."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from pgassay.catalog.compare import ChangeKind, SchemaChange
from pgassay.catalog.inventory import Inventory, read_inventory
from pgassay.database import Database, Script, Watcher, apply_script, open_session, parse_script
from pgassay.diff.difference import Difference, Snapshot, diff_snapshots
from pgassay.diff.loaded import LoadedSide, open_side
from pgassay.diff.outcome import Review
from pgassay.errors import ExitCode, Place, SchemaError
from pgassay.matrix.model import Cell, CellResult, Matrix
from pgassay.matrix.worlds import is_filled_up, survey_written
from pgassay.migration.contents import (
    Intent,
    TableChange,
    compare_contents,
    find_touched,
    read_contents,
    read_intent,
    rewritten,
)
from pgassay.migration.hazards import Hazard, LockWatch, TableLock, ask_squawk, find_squawk
from pgassay.project.revisions import Side
from pgassay.server import Server
from pgassay.workbench import Workbench, run_all
from pgassay.world import take
from pgassay.world.model import World

_ORDER = "order of columns"

Touched = Mapping[str, frozenset[str]]
"""By table, the columns that the migration added or changed values of."""


@dataclass(frozen=True, kw_only=True)
class Sameness:
    """What the result has, or lets people do, otherwise than HEAD, and tables with only another order."""

    difference: Difference
    reordered: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        found = self.difference
        return not (found.schema or found.gained or found.lost or found.changed)


def compare_with_head(head: Snapshot, result: Snapshot, touched: Touched) -> Sameness:
    """Compare catalogs and matrices. Rows that only the migration touched are not told apart by how."""
    before, after = (_comparable(snapshot, touched) for snapshot in (head, result))
    difference = diff_snapshots(before, after)
    return Sameness(
        difference=replace(difference, schema=tuple(_without_parts(difference.schema))),
        reordered=tuple(_reordered(head.inventory, result.inventory)),
    )


def _comparable(snapshot: Snapshot, touched: Touched) -> Snapshot:
    objects = {
        key: {name: value for name, value in properties.items() if name != _ORDER}
        for key, properties in snapshot.inventory.objects.items()
    }
    cells = tuple(_cell_alike(cell, touched) for cell in snapshot.matrix.cells)
    return Snapshot(
        inventory=replace(snapshot.inventory, objects=objects), matrix=replace(snapshot.matrix, cells=cells)
    )


def _reordered(head: Inventory, result: Inventory) -> Iterator[str]:
    """ALTER TABLE can only add at the end, so this is no fault."""
    for key, properties in head.objects.items():
        one, other = properties.get(_ORDER, ""), result.objects.get(key, {}).get(_ORDER, "")
        if one != other and sorted(one.split(", ")) == sorted(other.split(", ")):
            yield key.object


def _cell_alike(cell: Cell, touched: Touched) -> Cell:
    """A view shows columns of tables, by whatever name it likes: there all names count."""
    everywhere = frozenset[str]().union(*touched.values())
    columns = touched.get(cell.key.object, everywhere)
    return replace(cell, results=tuple(_result_alike(result, columns) for result in cell.results))


def _result_alike(result: CellResult, columns: frozenset[str]) -> CellResult:
    tries = (
        replace(one, state={name: value for name, value in one.state.items() if name not in columns})
        for one in result.tries
    )
    return replace(result, tries=tuple(tries))


def _without_parts(changes: Sequence[SchemaChange]) -> Iterator[SchemaChange]:
    """Without the parts of relations that came or went as a whole."""
    whole = {
        change.key.object
        for change in changes
        if change.key.kind == "relation" and change.kind in (ChangeKind.ADDED, ChangeKind.DROPPED)
    }
    return (change for change in changes if change.key.kind == "relation" or change.key.object not in whole)


@dataclass(frozen=True, kw_only=True)
class RehearsalRun:
    """What a migration did to the database that it ran on; `seconds` on an idle one with few rows."""

    locks: tuple[TableLock, ...]
    unseen: tuple[Place, ...]
    rows: tuple[TableChange, ...]
    rewritten: tuple[str, ...]
    touched: Touched = field(repr=False)
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """The judgement of a migration. `fault`: it failed, and there is neither `run` nor `sameness` then.

    Or it went through, and left something that is broken: then only the catalogs are compared with HEAD's.

    `unsafe` is None where squawk is not installed.
    """

    scripts: tuple[Script, ...]
    intent: Intent = field(default_factory=Intent)
    run: RehearsalRun | None = None
    sameness: Sameness | None = None
    fault: SchemaError | None = None
    unsafe: tuple[Hazard, ...] | None = None

    @property
    def unmeant(self) -> tuple[TableChange, ...]:
        """Rows that were lost or changed without a word about it in the migration."""
        return tuple(one for one in self.run.rows if self.intent.lacks(one)) if self.run else ()

    @property
    def exit_code(self) -> ExitCode:
        is_head = self.sameness is not None and self.sameness.holds and not self.fault
        return ExitCode.GOOD if is_head and not self.unmeant else ExitCode.SCHEMA_PROBLEM


@dataclass(frozen=True, kw_only=True)
class Upgrade:
    """A review, and how the way to HEAD was rehearsed; not at all where HEAD does not load."""

    review: Review
    rehearsal: Rehearsal | None = None

    @property
    def exit_code(self) -> ExitCode:
        code = self.review.exit_code
        return max(code, self.rehearsal.exit_code) if self.rehearsal else code


def rehearse(
    server: Server,
    base: Side,
    review: Review,
    scripts: Sequence[Script],
    *,
    on_stage: Callable[[str], None] = lambda _: None,
) -> Upgrade:
    """Apply `scripts` to BASE as the schema's owner, each by itself, and compare what comes out with HEAD.

    Rows are those of BASE's own world; what people can do is compared in the one that `review` used for both.
    Raises ConfigError for a comment in a script that cannot be understood, CannotJudgeError when a probe or
    squawk goes wrong.
    """
    found = Rehearsal(
        scripts=tuple(scripts), intent=read_intent(scripts), unsafe=_find_unsafe(server, scripts)
    )
    on_stage("rehearsing the migration")
    try:
        run = _carry_out(server, base, scripts)
    except SchemaError as error:
        return Upgrade(review=review, rehearsal=replace(found, fault=error))
    on_stage("comparing its result with HEAD")
    result, broken = _survey_result(server, review, scripts)
    head = _survey_head(server, review)
    head = replace(head, matrix=_NO_MATRIX) if broken else head
    sameness = compare_with_head(head, result, run.touched)
    return Upgrade(review=review, rehearsal=replace(found, run=run, sameness=sameness, fault=broken))


_NO_MATRIX = Matrix(cells=(), gaps=(), probes=0, seconds=0)


def _find_unsafe(server: Server, scripts: Sequence[Script]) -> tuple[Hazard, ...] | None:
    program = find_squawk()
    if program is None:
        return None
    return tuple(
        hazard
        for script in scripts
        for hazard in ask_squawk(
            program,
            script,
            version=server.version,
            transactional=all(statement.transactional for statement in parse_script(script)),
        )
    )


def _carry_out(server: Server, base: Side, scripts: Sequence[Script]) -> RehearsalRun:
    """Apply the migration, and look at rows and locks."""
    with (
        Workbench(base.config, server).database() as database,
        closing(database.connect(autocommit=True)) as observer,
    ):
        before = read_contents(observer)
        watch = LockWatch(observer)
        started = time.perf_counter()
        _apply(database, base, scripts, watch)
        seconds = time.perf_counter() - started
        after = read_contents(observer)
    return RehearsalRun(
        locks=watch.locks,
        unseen=tuple(watch.unseen),
        rows=tuple(compare_contents(before, after)),
        rewritten=rewritten(before, after),
        touched=find_touched(before, after),
        seconds=seconds,
    )


def _apply(database: Database, base: Side, scripts: Sequence[Script], watcher: Watcher | None = None) -> None:
    limit = base.config.statement_timeout
    for script in scripts:
        apply_script(database.conninfo(), script, timeout_seconds=limit, watcher=watcher)


def _survey_result(
    server: Server, review: Review, scripts: Sequence[Script]
) -> tuple[Snapshot, SchemaError | None]:
    """What everybody can do after the migration, as HEAD's configuration asks; why that fails, if it does."""
    side = replace(review.head, label="the result of the migration")
    bench = Workbench(side.config, server)
    people = (*bench.personas.values(), *review.world.personas)
    with Workbench(review.base.config, server).database() as database:
        _apply(database, review.base, scripts)
        with open_session(database) as session:
            inventory = read_inventory(session, besides=True)
            result = LoadedSide(side=side, bench=bench, session=session, inventory=inventory, personas=people)
            result = _fill_up(result, review.world)
        with closing(database.connect(autocommit=True)) as connection:
            # Committed, as HEAD's are: within one transaction now() stands still, which triggers stamp.
            run_all(result.world.statements, connection)
        with open_session(database) as session:
            try:
                return replace(result, session=session).survey(), None
            except SchemaError as error:
                return Snapshot(inventory=inventory, matrix=_NO_MATRIX), error


def _fill_up(side: LoadedSide, world: World) -> LoadedSide:
    """With the rows of a world as far as the side takes them; what was written is looked at before."""
    written = None
    if is_filled_up(side.bench, world):
        written = survey_written(side.session, side.personas, rows=side.overrides)
    return replace(side, world=take(side.session, world), written=written)


def _survey_head(server: Server, review: Review) -> Snapshot:
    assert review.matrix, "HEAD does not load"
    with open_side(server, review.head, review.world) as head:
        return Snapshot(inventory=read_inventory(head.session, besides=True), matrix=review.matrix)
