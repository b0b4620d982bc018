"""Functions: one that gives a caller rows which a direct SELECT hides, or writes what it may not write."""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.audit.asking import asks_who_calls
from pgassay.audit.calls import callable_by
from pgassay.audit.model import Finding, Severity, Step
from pgassay.audit.reach import Reach, measure
from pgassay.audit.rules.functions.apart import tells_apart, writes_apart
from pgassay.audit.rules.functions.deeds import deeds_of
from pgassay.audit.rules.functions.findings import RULE, callers_of, make_finding
from pgassay.audit.rules.functions.forged import find_forged
from pgassay.audit.rules.functions.gains import find_gains
from pgassay.audit.rules.functions.injection import find_injection
from pgassay.audit.rules.functions.refusing import refused_to_nobody
from pgassay.audit.rules.functions.rowless import find_rowless
from pgassay.audit.rules.functions.self_proof import find_self_proofs
from pgassay.audit.rules.functions.telling import tells, tells_in_errors
from pgassay.audit.rules.functions.unfiltered import tells_unfiltered
from pgassay.audit.scene import Scene
from pgassay.audit.words import anyone
from pgassay.catalog.model import Function
from pgassay.matrix.model import Action
from pgassay.observation import Persona

__all__ = ["RULE", "find"]
_DOES = {Action.UPDATE: "changes", Action.DELETE: "removes", Action.INSERT: "enters"}
_FORGED = Severity.MEDIUM


def find(scene: Scene) -> Iterator[Finding]:
    """At most one finding for what a function tells, one for what it writes, and one for whom it lets in."""
    done: set[tuple[str, str]] = set()
    seen = {persona: measure(scene, persona) for persona in scene.people}
    asked = [(p, f) for p in scene.people for f in callable_by(scene, p) if f.definer]
    for solved in (False, True):  # who asks for states of rows comes after all who are asked as things are
        for persona, function in asked:
            for finding in _of_function(scene, persona, function, seen, solved=solved):
                if finding and (finding.object, finding.cause) not in done:
                    done.add((finding.object, finding.cause))
                    yield finding
    yield from find_rowless(scene)
    yield from find_self_proofs(scene)


def _of_function(
    scene: Scene, persona: Persona, function: Function, seen: dict[Persona, Reach], *, solved: bool
) -> Iterator[Finding | None]:
    """As things are; where `solved`, with rows as the solver says that the function wants them."""
    if not solved:
        yield tells_unfiltered(scene, persona, function, seen[persona])
    yield tells(scene, persona, function, seen, solved=solved)
    yield _writes(scene, persona, function, seen, solved=solved)
    if not solved:
        yield tells_in_errors(scene, persona, function, seen[persona])
        yield tells_apart(scene, persona, function, seen[persona]) if persona.id else None
        yield _injects(scene, persona, function)
        yield from _gains(scene, persona, function)


def _writes(
    scene: Scene, persona: Persona, function: Function, seen: dict[Persona, Reach], *, solved: bool
) -> Finding | None:
    if function.volatility != "v":
        return None
    deeds = deeds_of(scene, persona, function, seen, solved=solved)
    asks = asks_who_calls(scene, function)
    if asks:
        apart = writes_apart(scene, deeds, seen[persona]) if persona.id else None
        forged = find_forged(scene, persona, function, deeds)
        deeds = refused_to_nobody(scene, persona, function, seen, deeds, solved=solved)
        if forged and not deeds:
            who, (said, steps) = [p for p in callers_of(scene, function) if p.id], forged
            return make_finding(function, who, severity=_FORGED, sentence=said, steps=steps, what="forges")
        if not deeds:
            return apart
    if not deeds:
        return None
    # What it changes is worse than what it enters, and what the caller says than what it says itself.
    deed = min(deeds, key=lambda deed: (not deed.chosen, deed.action is Action.INSERT))
    worst = Severity.CRITICAL if persona.id is None else Severity.HIGH
    severity = worst if deed.chosen else Severity.MEDIUM
    who = [p for p in callers_of(scene, function) if not asks or bool(p.id) is bool(persona.id)]
    why = "which does not ask who calls"
    if asks:
        why = "which asks who calls, and refuses nobody"
        if persona.id is None:
            why = "which refuses others, and whose condition is NULL for who has no id"
    sentence = (
        f"{anyone(who)} {_DOES[deed.action]} rows of others in {deed.sample.object} "
        f"through {function.function}, {why}."
    )
    steps = (
        *(Step(statement=text) for text in deed.call.setup),
        Step(who=persona, statement=deed.call.statement),
        Step(statement=deed.look, shows=deed.shows),
    )
    return make_finding(function, who, severity=severity, sentence=sentence, steps=steps, what="writes")


def _injects(scene: Scene, persona: Persona, function: Function) -> Finding | None:
    found = find_injection(scene, persona, function)
    if not found:
        return None
    call, argument = found
    who = callers_of(scene, function)
    sentence = (
        f"{anyone(who)} writes SQL into {function.function}, which runs it with its owner's rights: "
        f"a quote in argument {argument} is a syntax error of what it executes."
    )
    severity = Severity.CRITICAL if any(p.id is None for p in who) else Severity.HIGH
    steps = (Step(who=persona, statement=call.statement, shows="42601"),)
    return make_finding(function, who, severity=severity, sentence=sentence, steps=steps, what="injects")


def _gains(scene: Scene, persona: Persona, function: Function) -> Iterator[Finding]:
    who = [p for p in callers_of(scene, function) if p.id]
    for gain in find_gains(scene, persona, function):
        yield make_finding(
            function, who, severity=gain.severity, sentence=gain.sentence, steps=gain.steps, what=gain.what
        )
