"""Limits that are counted in rows which their user removes: what was refused goes through again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pgassay.audit.calls import Call, argument_lists, callable_by, look_new, make_calls, samples_of
from pgassay.audit.model import ROWS, Finding, Severity, Step
from pgassay.audit.scene import Scene, own_condition, run
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Function, ObjectKey
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import AS_OWNER
from pgassay.observation import Persona

_LIMIT = 20  # the largest that is tried
_LISTS = 4
_OF_VALUES = ("22", "23")


def find_wiped(scene: Scene) -> Iterator[Finding]:
    """Of functions with small numbers in them; one finding for each table that is emptied."""
    done: set[str] = set()
    for persona in scene.users:
        for function in callable_by(scene, persona):
            samples = [s for s in samples_of(scene, function) if _may_remove(s, persona)]
            limit = max(_limits(function), default=0)
            for call in _calls(scene, persona, function) if samples and limit else ():
                found = _try(scene, call, [s for s in samples if s.object not in done], limit)
                if found:
                    done.add(found.object)
                    yield found
                    break


def _may_remove(sample: Sample, persona: Persona) -> bool:
    held = sample.table.privileges[persona.role]
    asked = any(p.command in ("delete", "all") for p in held.policies)
    return held.delete and (asked or not held.filtered) and sample.ownership is not None


def _limits(function: Function) -> list[int]:
    numbers = find_literals([function.text]).numbers if function.volatility == "v" else ()
    return [int(n) for n in numbers if n.isdigit() and 0 < int(n) <= _LIMIT]


def _calls(scene: Scene, persona: Persona, function: Function) -> list[Call]:
    """Those that write something in more than one table."""
    looks = [look_new(sample) for sample in samples_of(scene, function)]
    calls = [
        Call(function=function, arguments=some, persona=persona) for some in argument_lists(scene, function)
    ]
    answers = make_calls(scene, persona, calls[:_LISTS], AS_OWNER, *looks)
    return [call for call, a in answers if not a.sqlstate and sum(map(bool, a.rows[2:])) > 1]


def _try(scene: Scene, call: Call, samples: Sequence[Sample], limit: int) -> Finding | None:
    persona = call.persona
    with scene.session.undone():
        number, code = _until_refused(scene, call, limit)
        if not number or not code or code.startswith(_OF_VALUES):
            return None
        for sample in samples:
            wipe = f"delete from {sample.table.name} as t where {own_condition(sample, persona)}"
            with scene.session.undone():
                before = _written(scene, call, sample)
                if not run(scene.session, persona, wipe) or _written(scene, call, sample) != before:
                    continue  # what was limited is gone, too
                if run(scene.session, persona, call.statement):
                    return _tell(scene, call, sample, (wipe, number, code))
    return None


def _until_refused(scene: Scene, call: Call, limit: int) -> tuple[int, str]:
    """How often it went through, and what refused it then, if anything did."""
    for number in range(limit + 1):
        [answer] = scene.ask(call.persona, [[call.statement]])
        if answer.sqlstate:
            return number, answer.sqlstate
        run(scene.session, call.persona, call.statement)
    return limit + 1, ""


def _written(scene: Scene, call: Call, besides: Sample) -> int:
    """How many rows the calls left in other tables."""
    looks = [[look_new(s)] for s in samples_of(scene, call.function) if s is not besides]
    return sum(len(answer.rows[0]) for answer in scene.ask(None, looks) if not answer.sqlstate)


def _tell(scene: Scene, call: Call, sample: Sample, seen: tuple[str, int, str]) -> Finding:
    wipe, number, code = seen
    persona, name = call.persona, call.function.function
    once = Step(who=persona, statement=call.statement)
    return Finding(
        rule="depends",
        object=sample.object,
        actions=("delete",),
        who=tuple(p.name for p in scene.users),
        severity=Severity.MEDIUM,
        sentence=f"{persona.name} calls {name} until it refuses ({code}), removes {persona.name}'s own rows "
        f"from {sample.table.name}, and it goes through again: the limit is counted there.",
        steps=(
            *(once,) * number,
            Step(who=persona, statement=call.statement, shows=code),
            Step(who=persona, statement=wipe, shows=ROWS),
            once,
        ),
        cause=f"wiped {sample.object}",
        about=(
            *(
                p.key
                for p in sample.table.privileges[persona.role].policies
                if p.command in ("delete", "all")
            ),
            ObjectKey(kind="relation", object=sample.table.name, name=""),
        ),
        candidates=((f"revoke delete on {sample.table.name} from {persona.role}",),),
        exact=True,
    )
