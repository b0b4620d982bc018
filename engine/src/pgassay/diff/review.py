"""Load two schemas side by side, let everybody try everything in both, and judge the difference."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial

from pgassay.catalog.inventory import Inventory
from pgassay.config import Config
from pgassay.database import Script, ensure_template, read_script
from pgassay.diff.accounts import compare_accounts
from pgassay.diff.confirmation import confirm
from pgassay.diff.difference import AccessChange, Difference, Settle, Snapshot, diff_snapshots
from pgassay.diff.former import fit_world
from pgassay.diff.loaded import LoadedSide, open_side, read_inventories
from pgassay.diff.search import explore
from pgassay.diff.settling import settle
from pgassay.diff.touched import Evidence, find_touched
from pgassay.errors import CannotJudgeError, ConfigError, ExitCode, Place, SchemaError
from pgassay.matrix.assessment import load_accepted, load_baseline
from pgassay.matrix.baseline import DeviationKind, compare, spell_field
from pgassay.matrix.model import Matrix
from pgassay.matrix.statements import become
from pgassay.plpgsql.definitions import Definitions, find_definitions
from pgassay.project.revisions import Side, named_by_revision
from pgassay.render.text import relative
from pgassay.server import Server
from pgassay.workbench import Workbench
from pgassay.world import fill, refill
from pgassay.world.model import NO_ROWS, World

SEARCH_STATEMENTS = 4000


@dataclass(frozen=True, kw_only=True)
class Review:
    """The judgement of a change. `fault`: HEAD does not load, and there is no difference to speak of.

    `accepted`: what is gained stands in the baseline that comes with HEAD. `tried`: statements of the search
    with other rows and claims; `conditions`: those that HEAD has otherwise, `unsolved`: of which of them it
    is not known whether they open anything. `world`: the rows that were made for it. `remarks`: how BASE was
    loaded, and what could not be searched. `seconds` is wall-clock time.
    """

    base: Side
    head: Side
    difference: Difference = field(default_factory=Difference)
    matrix: Matrix | None = None
    world: World = NO_ROWS
    fault: SchemaError | None = None
    accepted: bool = False
    tried: int = 0
    conditions: int = 0
    unsolved: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    probes: int = 0
    seconds: float = 0.0

    @property
    def notes(self) -> tuple[str, ...]:
        """All that a reader of the difference should know of how it came about."""
        sides = (*self._without_schema, *self.base.notes, *self.head.notes)
        return tuple(dict.fromkeys((*sides, *self.remarks)))

    @property
    def _without_schema(self) -> Iterator[str]:
        if self.base.is_empty:
            yield f"{self.base.label} has no schema yet: everything in {self.head.label} is new."
        if self.head.is_empty:
            yield f"{self.head.label} has no schema: everything in {self.base.label} is gone."

    @property
    def exit_code(self) -> ExitCode:
        unaccepted = self.difference.gained and not self.accepted
        return ExitCode.SCHEMA_PROBLEM if self.fault or unaccepted else ExitCode.GOOD


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
        raise ConfigError("There is nobody to try anything.", fixes=("add personas to [tool.pgassay]",))
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
        world = fill(Workbench(self.head.config, self.server), self.on_stage)
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
            before=_scripts(self.base),
            after=_scripts(self.head),
            worlds=[read_script(path) for path in worlds],
            hooks=tuple(config.hooks.values()),
            is_alike=_are_loaded_alike(self.base.config, config),
        )

    def _compare(self, world: World, before: Inventory, after: Inventory, only: frozenset[str]) -> Review:
        former = refill(Workbench(self.base.config, self.server), fit_world(world, before, after))
        with (
            open_side(self.server, self.base, former, inventory=before) as one,
            open_side(self.server, self.head, world, inventory=after) as two,
        ):
            self.on_stage("trying everything in both" if not only else "trying what may differ in both")
            with ThreadPoolExecutor(2) as pool:
                snapshots = list(pool.map(lambda side: side.survey(only), (one, two)))
            found = self._judge(snapshots, one, two, only)
            found = _without(found, confirm(found.difference.gained, one, two))
            found = replace(found, world=world)
            found = _add_gains(found, compare_accounts(one, two, found.difference.schema))
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
            matrix = two.survey().matrix  # all of it is what a baseline accepts
            found = replace(
                found, matrix=matrix, accepted=_is_accepted(self.head, found.difference.gained, matrix)
            )
        return found

    def _may_be_accepted(self, matrix: Matrix) -> bool:
        """Whether the cells that were asked are those of the baseline."""
        lines = load_baseline(self.head.config)
        kinds = (DeviationKind.ADDED, DeviationKind.CHANGED)
        return lines is not None and not any(one.kind in kinds for one in compare(matrix, lines))

    def _compare_in_turn(self, world: World, before: Inventory, after: Inventory) -> Review:
        """Roles belong to the cluster: each side is loaded over the environment that brings them back."""
        former = refill(Workbench(self.base.config, self.server), fit_world(world, before, after))
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
        _add_gains(found, (gain for gain in explored.found if gain not in by_chance)),
        remarks=explored.notes,
        tried=explored.tried,
        conditions=explored.conditions,
        unsolved=explored.unsolved,
    )


def _without(found: Review, gains: Collection[AccessChange]) -> Review:
    """What chance let through once: the search says that it may."""
    gained = tuple(gain for gain in found.difference.gained if gain not in gains)
    return replace(found, difference=replace(found.difference, gained=gained))


def _add_gains(found: Review, more: Iterable[AccessChange]) -> Review:
    """With gains that no cell shows."""
    gained = tuple(more)
    places = find_definitions(_scripts(found.head) if gained else ())
    placed = tuple(replace(gain, place=_find_place(places, gain)) for gain in gained)
    assert found.matrix, "HEAD does not load"
    difference = replace(found.difference, gained=(*found.difference.gained, *placed))
    accepted = _is_accepted(found.head, difference.gained, found.matrix)
    return replace(found, difference=difference, accepted=accepted)


def _find_place(places: Definitions, gain: AccessChange) -> Place | None:
    return next(filter(None, (places.find(one.key, one.property) for one in gain.causes)), None)


def judge(base: Side, head: Side, before: Snapshot, after: Snapshot, *, settle: Settle = tuple) -> Review:
    """What the change from one surveyed schema to the other means. Reads the files of HEAD, and no more."""
    difference = diff_snapshots(before, after, _scripts(head), settle=settle)
    return Review(
        base=base,
        head=head,
        difference=difference,
        matrix=after.matrix,
        accepted=_is_accepted(head, difference.gained, after.matrix),
        probes=before.matrix.probes + after.matrix.probes,
    )


def _scripts(side: Side) -> list[Script]:
    """As people see them: a revision's by the names that it has in the project."""
    paths = (*side.config.schema, *side.config.companions)
    return [replace(read_script(path), path=side.original(path)) for path in paths]


def _is_accepted(head: Side, gained: Sequence[AccessChange], matrix: Matrix) -> bool:
    """Whether the baseline tells of all that is gained: in cells, or, where no cell shows it, in words."""
    if not gained:
        return False
    accepted = load_baseline(head.config)
    words = load_accepted(head.config)
    return (
        accepted is not None
        and all(change.cells or change.message in words for change in gained)
        and not (any(change.cells for change in gained) and compare(matrix, accepted))
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


def render_script(change: AccessChange, *, load: str = "`pgassay up`") -> str:
    """Plain SQL for a server with the schema and the world of HEAD; "" where there is nothing to try.

    `load` says what loads these, for the comment at the top.
    """
    if change.witness is None and not change.setup:
        return ""
    tried = [*become(change.witness.persona), f"{change.witness.statement};"] if change.witness else []
    lines = [
        *(f"-- {line}" for line in change.message.splitlines()),
        f"-- Run it with psql on a database that {load} made; it leaves nothing behind.",
        "begin;",
        "set constraints all immediate;",
        *(f"{statement};" for statement in change.setup),
        *tried,
        *(("set local role none;",) if change.looks else ()),
        *(f"{look};" for look in change.looks),
        "rollback;",
    ]
    return "\n".join(lines) + "\n"


def show_witness(review: Review, change: AccessChange) -> str:
    """What shows a change on a server with the schema and the world of HEAD; "" where nothing can."""
    head = review.head
    options = [f" --schema {relative(head.original(path))}" for path in head.config.schema]
    where = f" in a checkout of {head.revision}" if head.revision else ""
    return render_script(change, load=f"`pgassay up{''.join(options)}`{where}")


def witness_files(review: Review) -> dict[str, str]:
    """A script for each gain, by file name: numbered as in the reports."""
    scripts = [show_witness(review, change) for change in review.difference.gained]
    return {f"gained-{number:02d}.sql": text for number, text in enumerate(scripts, start=1) if text}
