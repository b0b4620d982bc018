"""Functions that tell what a mark keeps from their caller: a policy asks for it, and they do not."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice

from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import Call, callable_by, make_calls, samples_of, secrets, told
from pgassay.audit.helpers import is_helper, is_name
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Severity, Step
from pgassay.audit.reach import measure_seen
from pgassay.audit.rules.blocked.blocking import Blocking, Blockings, find_named
from pgassay.audit.scene import Scene, run
from pgassay.catalog.model import Function, ObjectKey
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import condition, literal
from pgassay.observation import Persona

_CALLS = 16
_MARKS = 12


def find_read_past(scene: Scene, blockings: Blockings) -> Iterator[Finding]:
    """One finding for each function that reads with its owner's rights."""
    done: set[str] = set()
    for persona in scene.users:
        functions = [f for f in callable_by(scene, persona) if f.definer and not scene.is_unending(f)]
        for sample in scene.samples:
            telling = [f for f in functions if sample in samples_of(scene, f)]
            open_ = sample.table.privileges[persona.role].reads_all
            if telling and sample.table.secured and not open_ and sample.object == sample.table.name:
                for finding in _of_table(scene, blockings, persona, sample, telling):
                    if finding.object not in done:
                        done.add(finding.object)
                        yield finding


def _of_table(
    scene: Scene, blockings: Blockings, persona: Persona, sample: Sample, functions: list[Function]
) -> Iterator[Finding]:
    asked = scene.inventory.reach(sample.table.name) - {sample.table.name}
    marks = chain(blockings.find(persona, asked), find_named(scene, persona, asked))
    for mark in islice(marks, _MARKS) if asked else ():
        with scene.session.undone():
            if not all(run(scene.session, None, text) for text in mark.cleared):
                continue
            before = measure_seen(scene, persona, [sample.table.name])
            if not run(scene.session, None, mark.statement):
                continue
            after = measure_seen(scene, persona, [sample.table.name])
            lost = before.seen.get(sample.object, frozenset()) - after.seen.get(sample.object, frozenset())
            hidden = [row for row in sample.rows if row.key in lost and persona.id not in row.owners]
            known = {v: row for v, row in secrets(sample, after, persona).items() if row in hidden}
            for function in functions if known else ():
                if shown := _told(scene, persona, function, sample, known):
                    yield _tell(scene, persona, (sample, mark), shown)


def _told(
    scene: Scene, persona: Persona, function: Function, sample: Sample, known: dict[str, Row]
) -> tuple[Call, str, Row] | None:
    calls = [
        Call(function=function, arguments=some, persona=persona)
        for some in argument_lists(scene, function)[:_CALLS]
    ]
    ids = {user.id for user in scene.users}
    for call, answer in make_calls(scene, persona, calls):
        values = set() if answer.sqlstate else told(answer) - call.said - ids
        for value in sorted(values & known.keys()):
            if not (is_helper(scene, function) and is_name(sample, known[value], value)):
                return call, value, known[value]
    return None


def _tell(
    scene: Scene, persona: Persona, of: tuple[Sample, Blocking], shown: tuple[Call, str, Row]
) -> Finding:
    (sample, mark), (call, value, row) = of, shown
    name = call.function.function
    where = condition(sample.key, row.key)
    look = f"select 1 from {sample.table.name} where {where}"
    text = f"select 1 from ({call.statement}) as r where pg_catalog.to_jsonb(r)::text like "
    return Finding(
        rule="blocked",
        object=name,
        actions=("execute",),
        who=tuple(user.name for user in scene.users),
        severity=Severity.MEDIUM,
        sentence=f"{mark.told}, which hides rows of {sample.object} from {persona.name}, and {name} tells "
        "them all the same: it does not ask for it.",
        steps=(
            *(Step(statement=one) for one in mark.cleared),
            Step(who=persona, statement=look, shows=ROWS),
            Step(statement=mark.statement, shows=ROWS),
            Step(who=persona, statement=look, shows=NO_ROWS_SHOWN),
            Step(who=persona, statement=f"{text}{literal(f'%{value}%')}", shows=ROWS),
        ),
        cause=f"blocked {name}",
        about=(ObjectKey(kind="function", object=name, name=""),),
    )
