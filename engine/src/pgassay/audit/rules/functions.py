"""Functions: one that gives a caller rows which a direct SELECT hides, or writes what it may not write."""

from __future__ import annotations

import json
from collections.abc import Iterator

from pgassay.audit.calls import (
    Call,
    argument_lists,
    asks_who_calls,
    callable_by,
    look_new,
    make_calls,
    samples_of,
    secrets,
    told,
)
from pgassay.audit.model import ROWS, Finding, Severity, Step
from pgassay.audit.reach import Reach, measure
from pgassay.audit.scene import Scene
from pgassay.audit.words import anyone
from pgassay.catalog.model import Function, ObjectKey
from pgassay.catalog.names import without_arguments
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import condition, literal
from pgassay.observation import Persona

RULE = "functions"
_OWNER = "set local role none"


def find(scene: Scene) -> Iterator[Finding]:
    """At most one finding for what a function tells, and one for what it writes."""
    done: set[tuple[str, str]] = set()
    for persona in scene.people:
        seen = measure(scene, persona)
        for function in callable_by(scene, persona):
            if not function.definer:
                continue
            for finding in (_tells(scene, persona, function, seen), _writes(scene, persona, function, seen)):
                if finding and (finding.object, finding.cause) not in done:
                    done.add((finding.object, finding.cause))
                    yield finding


def _calls(scene: Scene, persona: Persona, function: Function) -> list[Call]:
    return [
        Call(function=function, arguments=some, persona=persona) for some in argument_lists(scene, function)
    ]


def _tells(scene: Scene, persona: Persona, function: Function, seen: Reach) -> Finding | None:
    known = [(sample, secrets(sample, seen, persona)) for sample in samples_of(scene, function)]
    if not any(some for _, some in known):
        return None
    calls = _calls(scene, persona, function)
    found: list[tuple[Call, Sample, Row, str]] = []
    for call, answer in make_calls(scene, persona, calls):
        values = told(answer) - {a for a in call.arguments if a}
        for sample, some in known:
            for value in values & some.keys():
                found.append((call, sample, some[value], value))
    if not found:
        return None
    asks = asks_who_calls(scene, function)
    own = [one for one in found if persona.id in one[2].owners and _sees_own(one[1], persona, seen)]
    if asks and not own:
        return None  # it is for the function to say who sees what
    call, sample, _, value = (own or found)[0]
    severity = Severity.MEDIUM if asks else Severity.CRITICAL if persona.id is None else Severity.HIGH
    if not asks and not function.types:
        severity = Severity.LOW  # nobody can ask for somebody in particular
    who = [p for p in scene.people if function in callable_by(scene, p) and (p.id or not asks)]
    whose = f"{persona.name}'s own rows" if asks else "rows"
    why = "" if asks else ", and does not ask who calls"
    sentence = (
        f"{anyone(who)} gets from {function.function} {whose} of {sample.object} that a SELECT hides{why}."
    )
    return _finding(
        function, who, severity=severity, sentence=sentence, steps=_shows(call, value), what="tells"
    )


def _sees_own(sample: Sample, persona: Persona, seen: Reach) -> bool:
    """Whether a condition tells its own rows apart: of a table that is closed to it, a function may tell."""
    visible = seen.seen.get(sample.object, frozenset())
    return any(persona.id in row.owners and row.key in visible for row in sample.rows)


def _shows(call: Call, value: str) -> tuple[Step, ...]:
    text = f"select * from ({call.statement}) as r where {literal(value)} = any("
    text += "array(select v from pg_catalog.jsonb_each_text(pg_catalog.to_jsonb(r)) as e (k, v)))"
    return (Step(who=call.persona, statement=text, shows=ROWS),)


def _writes(scene: Scene, persona: Persona, function: Function, seen: Reach) -> Finding | None:
    if function.volatility != "v" or asks_who_calls(scene, function):
        return None
    samples = samples_of(scene, function)
    looks = [look_new(sample) for sample in samples]
    calls = _calls(scene, persona, function)
    best: tuple[Severity, Call, Sample, str] | None = None
    for call, answer in make_calls(scene, persona, calls, _OWNER, *looks):
        if answer.sqlstate:
            continue
        for sample, rows in zip(samples, answer.rows[2:], strict=True):
            if seen.written.get((sample.object, "update"), 0) >= len(sample.rows):
                continue  # it may do so anyway
            for row in rows:
                judged = _judge(call, sample, row, persona)
                if judged and (best is None or judged[0] < best[0]):
                    best = (judged[0], call, sample, judged[1])
    if best is None:
        return None
    severity, call, sample, look = best
    who = [p for p in scene.people if function in callable_by(scene, p)]
    sentence = (
        f"{anyone(who)} changes rows of {sample.object} through {function.function}, "
        "which does not ask who calls."
    )
    steps = (Step(who=persona, statement=call.statement), Step(statement=look, shows=ROWS))
    return _finding(function, who, severity=severity, sentence=sentence, steps=steps, what="writes")


def _judge(
    call: Call, sample: Sample, row: tuple[str | None, ...], persona: Persona
) -> tuple[Severity, str] | None:
    """Of a row that a call wrote: one that was there, and whether the caller chose the value."""
    *key, document = row
    old = next((one for one in sample.rows if one.key == tuple(key)), None)
    if old is None or persona.id in old.owners:
        return None
    new = json.loads(document or "{}")
    changed = {
        name
        for name, value in new.items()
        if _text(value) != old.values.get(name)
        and not sample.table.columns[name].base.startswith("timestamp")
    }
    if not changed:
        return None
    chosen = any(_text(new[name]) in call.arguments for name in changed)
    severity = (Severity.CRITICAL if persona.id is None else Severity.HIGH) if chosen else Severity.MEDIUM
    look = f"select 1 from {sample.table.name} as t where {condition(sample.key, old.key)} "
    return severity, look + "and pg_catalog.age(t.xmin) <= 0"


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else value if isinstance(value, str) else json.dumps(value)


def _finding(  # noqa: PLR0913 - the parts of a finding, by name
    function: Function,
    who: list[Persona],
    *,
    severity: Severity,
    sentence: str,
    steps: tuple[Step, ...],
    what: str,
) -> Finding:
    roles = ", ".join(dict.fromkeys(p.role for p in who))
    return Finding(
        rule=RULE,
        object=function.function,
        actions=("execute",),
        who=tuple(p.name for p in who),
        severity=severity,
        sentence=sentence,
        steps=steps,
        cause=f"{what} {without_arguments(function.function)}",
        about=(ObjectKey(kind="function", object=function.function, name=""),),
        candidates=((f"revoke execute on function {function.function} from public, {roles}",),)
        if what == "writes"  # others call what tells something for good reasons
        else (),
    )
