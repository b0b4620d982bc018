"""Load two schemas side by side, let everybody try everything in both, and judge the difference."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial

from pgassay.database import Script, ensure_template, read_script
from pgassay.diff.accounts import compare_accounts
from pgassay.diff.confirmation import confirm
from pgassay.diff.difference import AccessChange, Difference, Settle, Snapshot, diff_snapshots
from pgassay.diff.loaded import LoadedSide, open_side
from pgassay.diff.search import explore
from pgassay.diff.settling import settle
from pgassay.errors import CannotJudgeError, ConfigError, ExitCode, Place, SchemaError
from pgassay.matrix.assessment import load_accepted, load_baseline
from pgassay.matrix.baseline import compare
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


def review(
    server: Server,
    base: Side,
    head: Side,
    *,
    search: int = SEARCH_STATEMENTS,
    on_stage: Callable[[str], None] = lambda _: None,
) -> Review:
    """Compare HEAD with BASE on one server, in the world of HEAD.

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
            found = _review(server, base, head, search, on_stage)
            found = replace(found, remarks=(*remarks, *found.remarks))
    except SchemaError as error:
        found = Review(base=base, head=head, fault=error)
    return replace(found, seconds=time.perf_counter() - started)


def _review(server: Server, base: Side, head: Side, search: int, on_stage: Callable[[str], None]) -> Review:
    """Both at once, unless the roles, which belong to the whole cluster, are not the same for both."""
    on_stage("loading HEAD")
    world = fill(Workbench(head.config, server), on_stage)
    on_stage("loading BASE")
    former = refill(Workbench(base.config, server), world)
    with open_side(server, base, former) as one:
        on_stage("loading HEAD")
        with open_side(server, head, world) as two:
            on_stage("trying everything in both")
            if one.inventory.roles == two.inventory.roles:
                with ThreadPoolExecutor(2) as pool:
                    before, after = pool.map(LoadedSide.survey, (one, two))
                resolve = partial(settle, base=one.session, head=two.session)
                found = replace(judge(base, head, before, after, settle=resolve), world=world)
                confirm(found.difference.gained, one, two)
                found = _add_gains(found, compare_accounts(one, two, found.difference.schema))
                unaccepted = found.difference.gained and not found.accepted
                if not found.difference.schema or (unaccepted and not search):
                    return found
                on_stage("searching")
                return _search(found, one, two, search)
            after = two.survey()
    # Loaded anew, over the environment that brings the roles back.
    if error := _fails(server, base):
        raise _unloadable(base, error) from error
    with open_side(server, base, former) as again:
        found = judge(base, head, replace(again.survey(), inventory=one.inventory), after)
        return replace(found, world=world)


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
    confirm(explored.found, one, two)
    return replace(
        _add_gains(found, explored.found),
        remarks=explored.notes,
        tried=explored.tried,
        conditions=explored.conditions,
        unsolved=explored.unsolved,
    )


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
