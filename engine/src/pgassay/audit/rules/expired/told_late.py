"""Functions that tell whoever names a row what it opens, also once its time is over."""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import Call, callable_by, make_calls, samples_of, secrets, told
from pgassay.audit.model import ROWS, Step, Steps
from pgassay.audit.reach import measure_seen
from pgassay.audit.rules.expired.terms import Term
from pgassay.audit.scene import Scene, run
from pgassay.catalog.model import Function
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import literal
from pgassay.observation import Persona

_CALLS = 16


def told_late(scene: Scene, term: Term) -> Iterator[tuple[Persona, Function, Steps]]:
    """Of functions that read with their owner's rights; what is told is hidden from who calls."""
    for persona in scene.people:
        for function in callable_by(scene, persona):
            samples = samples_of(scene, function) if function.definer else []
            if term.sample in samples and (steps := _try(scene, term, persona, function, samples)):
                yield persona, function, steps


def _try(
    scene: Scene, term: Term, persona: Persona, function: Function, samples: list[Sample]
) -> Steps | None:
    reach = measure_seen(scene, persona, [sample.table.name for sample in samples])
    others = [sample for sample in samples if sample is not term.sample]
    known = {value for sample in others for value in secrets(sample, reach, persona)}
    # Whoever names the row knows what it says.
    known -= {value for row in term.sample.rows for value in row.values.values() if value}
    calls = [
        Call(function=function, arguments=some, persona=persona)
        for some in argument_lists(scene, function)[:_CALLS]
        if names_one(term.sample, some)
    ]
    if not known or not calls:
        return None
    leave = f"delete from {term.sample.table.name}"
    over = _told(scene, persona, calls, term.over)
    without = _told(scene, persona, calls, leave)
    for call in calls:
        for value in sorted((over.get(call, set()) & known) - without.get(call, set()) - call.said):
            text = f"select 1 from ({call.statement}) as r where pg_catalog.to_jsonb(r)::text like "
            look = Step(who=persona, statement=f"{text}{literal(f'%{value}%')}", shows=ROWS)
            return Step(statement=term.over, shows=ROWS), look
    return None


def names_one(sample: Sample, arguments: tuple[str | None, ...]) -> bool:
    """Whether a value that names a row by itself is among the arguments."""
    alone = {index.columns[0] for index in sample.table.unique if len(index.columns) == 1}
    return any(row.values[name] in arguments for row in sample.rows for name in alone if row.values[name])


def _told(scene: Scene, persona: Persona, calls: list[Call], setup: str) -> dict[Call, set[str]]:
    with scene.session.undone():
        answers = make_calls(scene, persona, calls) if run(scene.session, None, setup) else []
    return {call: told(answer) for call, answer in answers if not answer.sqlstate}
