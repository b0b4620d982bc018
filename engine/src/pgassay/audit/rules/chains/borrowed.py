"""Rows of one's own that name a hidden row of others, which a function or a view then tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import Call, callable_by, hidden_rows, make_calls, samples_of, secrets, told
from pgassay.audit.confirmation import plays
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Severity, Step, Steps
from pgassay.audit.reach import Reach, measure_seen
from pgassay.audit.scene import Scene, run
from pgassay.audit.writes import fresh_columns, insert_of, naming_columns, owner_columns
from pgassay.catalog.model import ObjectKey
from pgassay.matrix import statements
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import become, condition, literal
from pgassay.observation import Persona

_ROWS = 2
_CALLS = 24
_REFUSED = "42501"
_MOST = 1000  # rows of a view


_Write = Callable[[Sample, Persona, Row, tuple[str, str | None]], Steps]
"""What makes an own row say something in a column: the last step is the persona's."""


def find_borrowed(scene: Scene) -> Iterator[Finding]:
    """One finding for each column by which a user names what he may not see."""
    for sample in scene.samples:
        if sample.table.kind not in "rp" or sample.object != sample.table.name or not sample.table.secured:
            continue
        for key in sample.table.foreign_keys:
            above = scene.sample_of.get(key.target or "")
            if above is None or len(key.columns) != 1 or {*owner_columns(sample)} & {*key.columns}:
                continue
            names = (key.columns[0], key.target_columns[0])
            tries = (
                found
                for write in (_update, _insert)
                for persona in scene.users
                for found in _of(scene, (sample, above), names, persona, write)
            )
            yield from islice(tries, 1)


def _of(
    scene: Scene, tables: tuple[Sample, Sample], names: tuple[str, str], persona: Persona, write: _Write
) -> Iterator[Finding]:
    sample, above = tables
    seen = measure_seen(scene, persona, [sample.table.name, above.table.name])
    visible = seen.seen.get(sample.object, frozenset())
    hidden = [row for row in hidden_rows(above, seen) if persona.id not in row.owners]
    mine = [row for row in sample.rows if row.key in visible or persona.id in row.owners]
    for own in mine[:_ROWS]:
        ways = [(row, write(sample, persona, own, (names[0], row.values[names[1]]))) for row in hidden]
        for row, way in ways[:_ROWS] if not _is_conditional(scene, above, persona, ways) else ():
            if not way or own.values[names[0]] == row.values[names[1]]:
                continue
            with scene.session.undone():
                ready = all(run(scene.session, step.who, step.statement) for step in way)
                shown = _told(scene, (above, row), (sample, own), persona, seen) if ready else None
            if shown:
                *room, entry = way
                look = f"select 1 from {above.table.name} where {condition(above.key, row.key)}"
                steps = (
                    *room,
                    Step(who=persona, statement=look, shows=NO_ROWS_SHOWN),
                    _before(scene, room, persona, shown[1]),
                    entry,
                    Step(who=persona, statement=shown[1], shows=ROWS),
                )
                if plays(scene.session, steps):
                    yield _tell(
                        scene, tables, names[0], shown[0], "insert" if write is _insert else "update", steps
                    )


def _update(sample: Sample, persona: Persona, own: Row, given: tuple[str, str | None]) -> Steps:
    name, value = given
    if name not in sample.table.privileges[persona.role].update:
        return ()
    named = condition(sample.key, own.key)
    text = statements.update(sample.table, name, literal(value), where=named)
    return (Step(who=persona, statement=text, shows=ROWS),)


def _insert(sample: Sample, persona: Persona, own: Row, given: tuple[str, str | None]) -> Steps:
    """A row in the place of the own one, by whose names functions find it."""
    if persona.id not in own.owners or not owner_columns(sample):
        return ()
    held = sample.table.privileges[persona.role].insert
    kept = {name: own.values[name] for name in _names(sample) & held}
    write = insert_of(sample, persona, own, **{**kept, given[0]: given[1]})
    room = Step(statement=statements.delete(sample.table, where=condition(sample.key, own.key)))
    return (room, Step(who=persona, statement=write.statement, shows=ROWS)) if write else ()


def _names(sample: Sample) -> set[str]:
    """Columns by which a row of it is found."""
    return {*sample.key, *fresh_columns(sample)}


def _is_conditional(scene: Scene, above: Sample, persona: Persona, ways: Sequence[tuple[Row, Steps]]) -> bool:
    """Whether an INSERT may name some hidden rows and others not: then somebody chose which.

    As they are, or once their owner says something else there.
    """
    names = [c.name for c in above.table.columns.values() if not c.generated]
    segments = []
    for row, (*room, entry) in [(row, way) for row, way in ways if len(way) > 1]:
        named = condition(above.key, row.key)
        changes = [
            [statements.update(above.table, name, literal(row.changed[name]), where=named)]
            for name in names
            if name not in naming_columns(above)
        ]
        entering = [*(step.statement for step in room), *become(persona), entry.statement]
        segments += [[*change, *entering] for change in ([], *changes)]
    return any(answer.sqlstate == _REFUSED for answer in scene.ask(None, segments))


def _before(scene: Scene, room: Sequence[Step], persona: Persona, text: str) -> Step:
    """Nothing is told, or it is refused."""
    with scene.session.undone():
        for step in room:
            run(scene.session, step.who, step.statement)
        code = scene.session.try_as(persona, text).sqlstate
    return Step(who=persona, statement=text, shows=code or NO_ROWS_SHOWN)


def _told(
    scene: Scene, hidden: tuple[Sample, Row], mine: tuple[Sample, Row], persona: Persona, seen: Reach
) -> tuple[str, str] | None:
    """What tells the hidden row once the own one names it, and the statement that shows it."""
    (above, row), (sample, own) = hidden, mine
    known = {v for v, one in secrets(above, seen, persona).items() if one is row} - {*row.key}
    for function in callable_by(scene, persona):
        if not function.definer or above not in samples_of(scene, function):
            continue
        names = {value for value in (*own.key, *(own.values[n] for n in _names(sample))) if value}
        every = argument_lists(scene, function)
        lists = [some for some in every if names & set(some) or not function.types][:_CALLS]
        calls = [Call(function=function, arguments=some, persona=persona) for some in lists if known]
        for call, answer in make_calls(scene, persona, calls):
            values = set() if answer.sqlstate else (told(answer) & known) - call.said
            if values:
                return function.function, _like(f"({call.statement})", min(values))
    views = [view for view in scene.surface.reachable if view.kind == "v" and not view.invoker]
    for view in views if known else ():
        if above.table.name in scene.inventory.reach(view.name):
            [shown] = scene.ask(persona, [[f"select * from {view.name} limit {_MOST}"]])
            if not shown.sqlstate and (some := told(shown) & known):
                return view.name, _like(view.name, min(some))
    return None


def _like(source: str, value: str) -> str:
    text = f"select 1 from {source} as r where pg_catalog.to_jsonb(r)::text like "
    return f"{text}{literal(f'%{value}%')}"


def _tell(  # noqa: PLR0913, PLR0917 - what did it, and what tells it
    scene: Scene, tables: tuple[Sample, Sample], column: str, by: str, verb: str, steps: Steps
) -> Finding:
    (sample, above), persona = tables, next(step.who for step in steps if step.who)
    entered = verb == "insert"
    verbs = ("insert", "all") if entered else ("insert", "update", "all")
    policies = [p for p in scene.policies.get(sample.table.oid, ()) if p.command in verbs]
    called = by in scene.functions
    name = persona.name
    deed = f"enters a row of {name}'s own" if entered else f"sets {column} of a row of {sample.object}"
    deed += f" into {sample.object} whose {column} names" if entered else " to"
    return Finding(
        rule="chains",
        object=sample.object if entered else by,
        columns=(column,) if entered else (),
        actions=("insert",) if entered else ("execute" if called else "select",),
        who=tuple(user.name for user in scene.users),
        severity=Severity.MEDIUM,
        sentence=f"{name} {deed} a row of {above.object} that {name} may not see, and {by} then tells what "
        "stands there.",
        steps=steps,
        cause=f"borrows {sample.object} {column}",
        about=(
            *(policy.key for policy in policies if entered),
            ObjectKey(kind="function" if called else "relation", object=by, name=""),
            *(policy.key for policy in policies if not entered),
            ObjectKey(kind="relation", object=sample.table.name, name=""),
        ),
    )
