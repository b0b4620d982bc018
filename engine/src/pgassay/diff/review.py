"""Load two schemas side by side, let everybody try everything in both, and judge the difference."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial

from pgassay.database import Script, Session, ensure_template, read_script
from pgassay.database.actor import classify
from pgassay.database.pipeline import Answer, fly, savepoint
from pgassay.denial.defence import CannotRemoveError, removed
from pgassay.denial.guard import Triggers
from pgassay.diff.comparison import CellDifference
from pgassay.diff.difference import AccessChange, Difference, Settle, Snapshot, diff_snapshots
from pgassay.diff.loaded import LoadedSide, open_side
from pgassay.diff.search import explore
from pgassay.errors import CannotJudgeError, ConfigError, ExitCode, SchemaError
from pgassay.matrix.assessment import load_baseline
from pgassay.matrix.baseline import compare
from pgassay.matrix.model import Direction, Matrix, Witness
from pgassay.matrix.statements import become
from pgassay.observation import Outcome, Persona
from pgassay.plpgsql.definitions import find_definitions
from pgassay.project.revisions import Side, named_by_revision
from pgassay.render.text import relative
from pgassay.server import Server
from pgassay.workbench import Workbench

SEARCH_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class Review:
    """The judgement of a change. `fault`: HEAD does not load, and there is no difference to speak of.

    `accepted`: what is gained stands in the baseline that comes with HEAD. `tried`: statements of the search
    with other rows and claims. `remarks`: how BASE was loaded, and what could not be searched. `seconds` is
    wall-clock time.
    """

    base: Side
    head: Side
    difference: Difference = field(default_factory=Difference)
    matrix: Matrix | None = None
    fault: SchemaError | None = None
    accepted: bool = False
    tried: int = 0
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
    search_seconds: float = SEARCH_SECONDS,
    on_stage: Callable[[str], None] = lambda _: None,
) -> Review:
    """Compare HEAD with BASE on one server, in the world of HEAD.

    Where the change gains nobody anything there, or only what is accepted, other rows and claims are tried
    for `search_seconds`.
    Raises CannotJudgeError when BASE does not load or a probe went wrong in either.
    """
    started = time.perf_counter()
    if not head.config.personas:
        raise ConfigError("There is nobody to try anything.", fixes=("add personas to [tool.pgassay]",))
    on_stage("loading BASE")
    try:
        with named_by_revision(base, head):
            base, remarks = _with_world(server, base, head)
            found = _review(server, base, head, search_seconds, on_stage)
            found = replace(found, remarks=(*remarks, *found.remarks))
    except SchemaError as error:
        found = Review(base=base, head=head, fault=error)
    return replace(found, seconds=time.perf_counter() - started)


def _review(
    server: Server, base: Side, head: Side, search_seconds: float, on_stage: Callable[[str], None]
) -> Review:
    """Both at once, unless the roles, which belong to the whole cluster, are not the same for both."""
    with open_side(server, base) as one:
        on_stage("loading HEAD")
        with open_side(server, head) as two:
            on_stage("trying everything in both")
            if one.inventory.roles == two.inventory.roles:
                with ThreadPoolExecutor(2) as pool:
                    before, after = pool.map(LoadedSide.survey, (one, two))
                resolve = partial(settle, base=one.session, head=two.session)
                found = judge(base, head, before, after, settle=resolve)
                unaccepted = found.difference.gained and not found.accepted
                if unaccepted or not found.difference.schema:
                    return found
                on_stage("searching")
                return _search(found, one, two, search_seconds)
            after = two.survey()
    # Loaded anew, over the environment that brings the roles back.
    if error := _fails(server, base):
        raise _unloadable(base, error) from error
    with open_side(server, base) as again:
        return judge(base, head, replace(again.survey(), inventory=one.inventory), after)


def _search(found: Review, one: LoadedSide, two: LoadedSide, seconds: float) -> Review:
    explored = explore(one, two, found.difference.schema, seconds=seconds)
    places = find_definitions(_scripts(found.head) if explored.found else ())
    gained = tuple(
        replace(gain, place=places.find(gain.causes[0].key, gain.causes[0].property))
        for gain in explored.found
    )
    return replace(
        found,
        remarks=explored.notes,
        difference=replace(found.difference, gained=(*found.difference.gained, *gained)),
        accepted=found.accepted and not gained,
        tried=explored.tried,
    )


def judge(base: Side, head: Side, before: Snapshot, after: Snapshot, *, settle: Settle = tuple) -> Review:
    """What the change from one surveyed schema to the other means. Reads the files of HEAD, and no more."""
    difference = diff_snapshots(before, after, _scripts(head), settle=settle)
    return Review(
        base=base,
        head=head,
        difference=difference,
        matrix=after.matrix,
        accepted=_is_accepted(head, difference, after.matrix),
        probes=before.matrix.probes + after.matrix.probes,
    )


def _scripts(side: Side) -> list[Script]:
    """As people see them: a revision's by the names that it has in the project."""
    paths = (*side.config.schema, *side.config.companions)
    return [replace(read_script(path), path=side.original(path)) for path in paths]


def _is_accepted(head: Side, difference: Difference, matrix: Matrix) -> bool:
    """Whether the baseline tells of all that is gained: not of a role or a bucket, which is no cell."""
    if not difference.gained or not all(change.cells for change in difference.gained):
        return False
    accepted = load_baseline(head.config)
    return accepted is not None and not compare(matrix, accepted)


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
    if change.witness is None:
        return ""
    persona = change.witness.persona
    lines = [
        *(f"-- {line}" for line in change.message.splitlines()),
        f"-- Run it with psql on a database that {load} made; it leaves nothing behind.",
        "begin;",
        "set constraints all immediate;",
        *(f"{statement};" for statement in change.setup),
        *become(persona),
        f"{change.witness.statement};",
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


_REFUSED = (Outcome.DENIED_GRANT, Outcome.DENIED_POLICY, Outcome.FILTERED)


def settle(differences: Iterable[CellDifference], *, base: Session, head: Session) -> list[CellDifference]:
    """The differences, of which those are changes only in which the same refuses as soon as no trigger does.

    Triggers before a statement or row run before the policies do: one that refuses hides whether they would.
    The sessions are those of the schemas' owners. What cannot be tried stays what it was.
    """
    found = list(differences)
    doubtful: dict[tuple[str, Direction], list[int]] = defaultdict(list)
    for number, one in enumerate(found):
        if _is_doubtful(one):
            doubtful[one.key.table, one.direction].append(number)
    for (table, direction), numbers in doubtful.items():
        session = base if direction is Direction.LOST else head
        outcomes = _try_without_triggers(session, table, [found[number] for number in numbers])
        for number, behind in zip(numbers, outcomes, strict=True):
            if behind:
                found[number] = replace(found[number], direction=Direction.CHANGED, behind=behind)
    return found


def _is_doubtful(one: CellDifference) -> bool:
    """Between a refusal by access control and one that came later, or only seemed to."""
    opener, closer = (one.before, one.after) if one.direction is Direction.LOST else (one.after, one.before)
    if opener is None or closer is None:
        return False
    return opener.outcome is Outcome.REJECTED and closer.outcome in _REFUSED


def _try_without_triggers(
    session: Session, table: str, differences: Sequence[CellDifference]
) -> list[tuple[Outcome, ...]]:
    """How the rows that each difference is about are refused; nothing where one of them is not."""
    witnesses = [witness for one in differences for witness in one.witnesses]
    try:
        with removed(session, (Triggers(table=table),)):
            outcomes = dict(_outcomes(session, witnesses))
    except CannotRemoveError:
        return [() for _ in differences]
    found = [tuple(dict.fromkeys(outcomes[witness] for witness in one.witnesses)) for one in differences]
    return [some if set(some) <= set(_REFUSED) else () for some in found]


def _outcomes(session: Session, witnesses: Iterable[Witness]) -> Iterator[tuple[Witness, Outcome]]:
    by_persona: dict[Persona, list[Witness]] = defaultdict(list)
    for witness in witnesses:
        by_persona[witness.persona].append(witness)
    for persona, some in by_persona.items():
        if session.refusal(persona):
            yield from ((witness, Outcome.DENIED_GRANT) for witness in some)
            continue
        with session.act_as(persona), savepoint(session):
            answers = fly(session, [[witness.statement] for witness in some])
        yield from zip(some, map(_outcome, answers), strict=True)


def _outcome(answer: Answer) -> Outcome:
    if answer.sqlstate:
        return classify(answer.sqlstate, answer.source_function)
    return Outcome.ALLOWED if answer.counts[-1] else Outcome.FILTERED
