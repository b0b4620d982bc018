"""Load two schemas side by side, let everybody try everything in both, and judge the difference."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial

from pgassay.catalog.inventory import Inventory
from pgassay.config import Config
from pgassay.database import ensure_template, read_script
from pgassay.diff.accounts import compare_accounts
from pgassay.diff.confirmation import confirm
from pgassay.diff.difference import Snapshot
from pgassay.diff.former import fit_world
from pgassay.diff.loaded import LoadedSide, open_side, read_inventories, read_scripts
from pgassay.diff.outcome import Review, add_gains, is_accepted, judge, without
from pgassay.diff.search import explore
from pgassay.diff.settling import settle
from pgassay.diff.touched import Evidence, find_touched
from pgassay.errors import CannotJudgeError, ConfigError, SchemaError
from pgassay.matrix.assessment import load_baseline
from pgassay.matrix.baseline import DeviationKind, compare, spell_field
from pgassay.matrix.model import Matrix
from pgassay.project.revisions import Side, named_by_revision
from pgassay.server import Server
from pgassay.workbench import Workbench
from pgassay.world import adapt, fill
from pgassay.world.model import World

SEARCH_STATEMENTS = 4000


def review(  # noqa: PLR0913 - by name
    server: Server,
    base: Side,
    head: Side,
    *,
    search: int = SEARCH_STATEMENTS,
    whole: bool = False,
    on_stage: Callable[[str], None] = lambda _: None,
) -> Review:
    """Compare HEAD with BASE on one server, in the world of HEAD.

    What the change cannot have to do with is asked only where the matrix shall be `whole`.

    Then the conditions that differ are solved, and where the change still gains nobody anything, or only what
    is accepted, other rows and claims are tried, with about `search` statements in all.
    Raises CannotJudgeError when BASE does not load or a probe went wrong in either.
    """
    started = time.perf_counter()
    if not head.config.personas:
        raise ConfigError(
            "There is nobody to try anything.", fixes=("add personas to pgassay.toml or [tool.pgassay]",)
        )
    on_stage("loading BASE")
    try:
        with named_by_revision(base, head):
            base, remarks = _with_world(server, base, head)
            found = _Reviewing(server, base, head, search=search, whole=whole, on_stage=on_stage).run()
            found = replace(found, remarks=(*remarks, *found.remarks))
    except SchemaError as error:
        found = Review(base=base, head=head, fault=error)
    return replace(found, seconds=time.perf_counter() - started)


@dataclass(frozen=True)
class _Reviewing:
    """One comparison, from the catalogs to the search."""

    server: Server
    base: Side
    head: Side
    search: int = field(kw_only=True)
    whole: bool = field(kw_only=True)
    on_stage: Callable[[str], None] = field(kw_only=True)

    def run(self) -> Review:
        """The catalogs first: what cannot differ is not asked."""
        before, all_before = read_inventories(self.server, self.base)
        self.on_stage("loading HEAD")
        after, all_after = read_inventories(self.server, self.head)
        touched = None if self.whole else find_touched(self._collect(all_before, all_after))
        if touched is not None and not touched:
            nothing = Matrix(cells=(), gaps=(), probes=0, seconds=0)
            snapshots = (Snapshot(inventory=one, matrix=nothing) for one in (before, after))
            return replace(judge(self.base, self.head, *snapshots), matrix=None)
        world = fill(Workbench(self.head.config, self.server), self.on_stage, only=touched or ())
        only = frozenset(map(spell_field, touched or ()))
        if before.roles == after.roles:
            return self._compare(world, before, after, only)
        return self._compare_in_turn(world, before, after)

    def _collect(self, before: Inventory, after: Inventory) -> Evidence:
        config = self.head.config
        worlds = [*config.seeds, *((config.world,) if config.world else ())]
        return Evidence(
            base=before,
            head=after,
            before=read_scripts(self.base),
            after=read_scripts(self.head),
            worlds=[read_script(path) for path in worlds],
            hooks=tuple(config.hooks.values()),
            is_alike=_are_loaded_alike(self.base.config, config),
        )

    def _compare(self, world: World, before: Inventory, after: Inventory, only: frozenset[str]) -> Review:
        former = adapt(Workbench(self.base.config, self.server), fit_world(world, before, after))
        with (
            open_side(self.server, self.base, former, inventory=before) as one,
            open_side(self.server, self.head, world, inventory=after) as two,
        ):
            self.on_stage("trying everything in both" if not only else "trying what may differ in both")
            with ThreadPoolExecutor(2) as pool:
                snapshots = list(pool.map(lambda side: side.survey(only), (one, two)))
            found = self._judge(snapshots, one, two, only)
            found = without(found, confirm(found.difference.gained, one, two))
            found = replace(found, world=world)
            found = add_gains(found, compare_accounts(one, two, found.difference.schema))
            unaccepted = found.difference.gained and not found.accepted
            if not found.difference.schema or (unaccepted and not self.search):
                return found
            self.on_stage("searching")
            return _search(found, one, two, self.search)

    def _judge(
        self, snapshots: Sequence[Snapshot], one: LoadedSide, two: LoadedSide, only: frozenset[str]
    ) -> Review:
        before, after = snapshots
        resolve = partial(settle, base=one.session, head=two.session)
        found = judge(self.base, self.head, before, after, settle=resolve)
        if only and found.difference.gained and self._may_be_accepted(after.matrix):
            matrix = self._survey_whole(two)
            found = replace(
                found, matrix=matrix, accepted=is_accepted(self.head, found.difference.gained, matrix)
            )
        return found

    def _survey_whole(self, two: LoadedSide) -> Matrix:
        """All of it, with all rows that are made for it, is what a baseline accepts."""
        world = fill(two.bench, self.on_stage)
        with open_side(self.server, self.head, world, inventory=two.inventory) as whole:
            return whole.survey().matrix

    def _may_be_accepted(self, matrix: Matrix) -> bool:
        """Whether the cells that were asked are those of the baseline."""
        lines = load_baseline(self.head.config)
        kinds = (DeviationKind.ADDED, DeviationKind.CHANGED)
        return lines is not None and not any(one.kind in kinds for one in compare(matrix, lines))

    def _compare_in_turn(self, world: World, before: Inventory, after: Inventory) -> Review:
        """Roles belong to the cluster: each side is loaded over the environment that brings them back."""
        former = adapt(Workbench(self.base.config, self.server), fit_world(world, before, after))
        with open_side(self.server, self.head, world, inventory=after) as two:
            self.on_stage("trying everything in both")
            new = two.survey()
        if error := _fails(self.server, self.base):
            raise _unloadable(self.base, error) from error
        with open_side(self.server, self.base, former, inventory=before) as one:
            return replace(judge(self.base, self.head, one.survey(), new), world=world)


def _are_loaded_alike(*sides: Config) -> bool:
    """But for the schema's own files; a revision's files are copies."""
    files = [
        [
            script.text
            for script in map(read_script, (*one.environment, *one.seeds, *filter(None, [one.world])))
        ]
        for one in sides
    ]
    rest = [
        replace(one, schema=(), companions=(), environment=(), seeds=(), world=None, notes=())
        for one in sides
    ]
    return files[0] == files[1] and rest[0] == rest[1]


def _search(found: Review, one: LoadedSide, two: LoadedSide, statements: int) -> Review:
    gained = found.difference.gained
    explored = explore(
        one,
        two,
        found.difference.schema,
        told=gained,
        is_over=bool(gained) and not found.accepted,
        budget=statements,
    )
    by_chance = confirm(explored.found, one, two)
    return replace(
        add_gains(found, (gain for gain in explored.found if gain not in by_chance)),
        remarks=explored.notes,
        tried=explored.tried,
        conditions=explored.conditions,
        unsolved=explored.unsolved,
    )


def _with_world(server: Server, base: Side, head: Side) -> tuple[Side, tuple[str, ...]]:
    """BASE with the world of HEAD, so that the same rows are tried; with its own, and a remark, where not."""
    if base.is_empty or head.is_empty:
        return base, ()
    shared = replace(base, config=replace(base.config, seeds=head.config.seeds, world=head.config.world))
    if _fails(server, shared) is None:
        return shared, ()
    if (error := _fails(server, base)) is None:
        return base, ("The world of HEAD does not load in BASE, which has its own.",)
    raise _unloadable(base, error) from error


def _unloadable(base: Side, error: SchemaError) -> CannotJudgeError:
    return CannotJudgeError(
        f"BASE, {base.label}, does not load, so there is nothing to compare with.", why=str(error)
    )


def _fails(server: Server, side: Side) -> SchemaError | None:
    try:
        ensure_template(server, Workbench(side.config, server).recipe())
    except SchemaError as error:
        return error
    return None
