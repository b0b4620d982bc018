"""Rows of one's own that name a hidden row of others, which a function or a view then tells."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import Call, callable_by, hidden_rows, make_calls, samples_of, secrets, told
from pgassay.audit.confirmation import plays
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Severity, Step, Steps
from pgassay.audit.reach import Reach, measure_seen
from pgassay.audit.scene import Scene, run
from pgassay.audit.writes import owner_columns
from pgassay.catalog.model import ObjectKey
from pgassay.matrix import statements
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import condition, literal
from pgassay.observation import Persona

_ROWS = 2
_CALLS = 24
_MOST = 1000  # rows of a view


def find_borrowed(scene: Scene) -> Iterator[Finding]:
    """One finding for each column by which a user names what he may not see."""
    for sample in scene.samples:
        if sample.table.kind not in "rp" or sample.object != sample.table.name or not sample.table.secured:
            continue
        for key in sample.table.foreign_keys:
            above = scene.sample_of.get(key.target or "")
            if above is None or len(key.columns) != 1 or {*owner_columns(sample)} & {*key.columns}:
                continue
            tries = (
                found
                for persona in scene.users
                if key.columns[0] in sample.table.privileges[persona.role].update
                for found in _of(scene, (sample, above), (key.columns[0], key.target_columns[0]), persona)
            )
            yield from islice(tries, 1)


def _of(
    scene: Scene, tables: tuple[Sample, Sample], names: tuple[str, str], persona: Persona
) -> Iterator[Finding]:
    sample, above = tables
    seen = measure_seen(scene, persona, [sample.table.name, above.table.name])
    visible = seen.seen.get(sample.object, frozenset())
    hidden = [row for row in hidden_rows(above, seen) if persona.id not in row.owners]
    for own in [row for row in sample.rows if row.key in visible][:_ROWS]:
        for row in hidden[:_ROWS]:
            named = condition(sample.key, own.key)
            value = literal(row.values[names[1]])
            text = statements.update(sample.table, names[0], value, where=named)
            with scene.session.undone():
                ready = run(scene.session, persona, text) and own.values[names[0]] != row.values[names[1]]
                shown = _told(scene, (above, row), own, persona, seen) if ready else None
            if shown:
                look = f"select 1 from {above.table.name} where {condition(above.key, row.key)}"
                steps = (
                    Step(who=persona, statement=look, shows=NO_ROWS_SHOWN),
                    Step(who=persona, statement=shown[1], shows=NO_ROWS_SHOWN),
                    Step(who=persona, statement=text, shows=ROWS),
                    Step(who=persona, statement=shown[1], shows=ROWS),
                )
                if plays(scene.session, steps):
                    yield _tell(scene, tables, names[0], shown[0], steps)


def _told(
    scene: Scene, hidden: tuple[Sample, Row], own: Row, persona: Persona, seen: Reach
) -> tuple[str, str] | None:
    """What tells the hidden row once the own one names it, and the statement that shows it."""
    above, row = hidden
    known = {v for v, one in secrets(above, seen, persona).items() if one is row} - {*row.key}
    for function in callable_by(scene, persona):
        if not function.definer or above not in samples_of(scene, function):
            continue
        lists = [some for some in argument_lists(scene, function) if set(own.key) & set(some)][:_CALLS]
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


def _tell(scene: Scene, tables: tuple[Sample, Sample], column: str, by: str, steps: Steps) -> Finding:
    (sample, above), persona = tables, next(step.who for step in steps if step.who)
    verbs = ("insert", "update", "all")
    policies = [p for p in scene.policies.get(sample.table.oid, ()) if p.command in verbs]
    kind = "function" if by in scene.functions else "relation"
    return Finding(
        rule="chains",
        object=by,
        actions=("execute" if by in scene.functions else "select",),
        who=tuple(user.name for user in scene.users),
        severity=Severity.MEDIUM,
        sentence=f"{persona.name} sets {column} of a row of {sample.object} to a row of {above.object} that "
        f"{persona.name} may not see, and {by} then tells what stands there.",
        steps=steps,
        cause=f"borrows {sample.object} {column}",
        about=(
            ObjectKey(kind=kind, object=by, name=""),
            *(policy.key for policy in policies),
            ObjectKey(kind="relation", object=sample.table.name, name=""),
        ),
    )
