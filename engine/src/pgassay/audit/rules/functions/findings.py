"""What findings of functions have in common."""

from __future__ import annotations

from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import Call, callable_by
from pgassay.audit.model import ROWS, Finding, Severity, Step
from pgassay.audit.scene import Scene
from pgassay.catalog.model import Function, ObjectKey
from pgassay.catalog.names import without_arguments
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import literal
from pgassay.observation import Persona

RULE = "functions"
Told = tuple[Call, Sample, Row, str]
"""A call that told a value of a row."""


def calls_of(scene: Scene, persona: Persona, function: Function) -> list[Call]:
    return [
        Call(function=function, arguments=some, persona=persona) for some in argument_lists(scene, function)
    ]


def callers_of(scene: Scene, function: Function) -> list[Persona]:
    return [p for p in scene.people if function in callable_by(scene, p)]


def make_finding(  # noqa: PLR0913 - the parts of a finding, by name
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
        if what in ("writes", "injects")  # others call what tells something for good reasons
        else (),
    )


def show_told(call: Call, value: str, shows: str = ROWS) -> tuple[Step, ...]:
    """The call, after what is done before it, and whether its answer has the value anywhere."""
    text = f"select * from ({call.statement}) as r where exists (select from pg_catalog.jsonb_path_query("
    text += f"pg_catalog.to_jsonb(r), '$.**') as v where v #>> '{{}}' = {literal(value)})"
    return (*(Step(statement=one) for one in call.setup), Step(who=call.persona, statement=text, shows=shows))
