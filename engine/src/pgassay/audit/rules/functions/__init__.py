"""Functions: one that gives a caller rows which a direct SELECT hides, or writes what it may not write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pgassay.audit.asking import asks_who_calls, tokens
from pgassay.audit.calls import (
    Call,
    argument_lists,
    callable_by,
    make_calls,
    samples_of,
    secrets,
    solved_setups,
    told,
)
from pgassay.audit.helpers import is_helper, is_name
from pgassay.audit.model import ROWS, Finding, Severity, Step
from pgassay.audit.reach import Reach, measure
from pgassay.audit.rules.functions.canaries import with_canaries
from pgassay.audit.rules.functions.deeds import deeds_of
from pgassay.audit.rules.functions.forged import find_forged
from pgassay.audit.rules.functions.gains import find_gains
from pgassay.audit.rules.functions.injection import find_injection
from pgassay.audit.rules.functions.refusing import refused_to_nobody
from pgassay.audit.rules.functions.rowless import find_rowless
from pgassay.audit.rules.functions.self_proof import find_self_proofs
from pgassay.audit.scene import Scene, run
from pgassay.audit.words import anyone
from pgassay.catalog.model import Function, ObjectKey
from pgassay.catalog.names import without_arguments
from pgassay.matrix.model import Action
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import literal
from pgassay.observation import Persona

RULE = "functions"
_DOES = {Action.UPDATE: "changes", Action.DELETE: "removes", Action.INSERT: "enters"}
_SETUPS = 2
_TOLD_BY_ERRORS = 6  # characters, at least: shorter ones stand in messages by chance
_FORGED = Severity.MEDIUM
_Found = tuple[Call, Sample, Row, str]


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
    yield _tells(scene, persona, function, seen, solved=solved)
    yield _writes(scene, persona, function, seen, solved=solved)
    if not solved:
        yield _tells_in_errors(scene, persona, function, seen[persona])
        yield _injects(scene, persona, function)
        yield from _gains(scene, persona, function)


def _calls(scene: Scene, persona: Persona, function: Function) -> list[Call]:
    return [
        Call(function=function, arguments=some, persona=persona) for some in argument_lists(scene, function)
    ]


def _who(scene: Scene, function: Function) -> list[Persona]:
    return [p for p in scene.people if function in callable_by(scene, p)]


def _told_to(
    scene: Scene, persona: Persona, function: Function, seen: Reach, *, solved: bool
) -> list[_Found]:
    """What the persona gets that a SELECT does not give it; at last with a text wherever a row has none.

    Where `solved`, with rows as the function wants them. What may be said of a row by who may write it,
    such as that it is public, is left as it is.
    """
    samples = samples_of(scene, function)
    tried = [((), samples), with_canaries(scene, samples)]
    if solved:
        tried = [
            (one.setup, samples)
            for one in solved_setups(scene, function)
            if not any(_may_say(scene, table, column) for table, column in one.changed)
        ][:_SETUPS]
    for setup, some in tried:
        with scene.session.undone():
            ready = (setup or some is samples) and all(run(scene.session, None, text) for text in setup)
            if ready and solved:
                seen = measure(scene, persona, [s.table.name for s in samples], seen_alone=True)
            found = _recognized(scene, (persona, function, setup), some, seen) if ready else []
        if found:
            return found
    return []


def _may_say(scene: Scene, table: str, column: str) -> bool:
    """Whether somebody may write the column, as far as rights and policies for such a statement go."""
    of, roles = scene.surface.by_name[table], {persona.role for persona in scene.people}
    return any(
        column in columns and (not of.secured or any(p.command in (verb, "all") for p in held.policies))
        for held in (of.privileges[role] for role in roles)
        for verb, columns in (("update", held.update), ("insert", held.insert))
    )


def _recognized(
    scene: Scene,
    of_calls: tuple[Persona, Function, tuple[str, ...]],
    samples: Sequence[Sample],
    seen: Reach,
) -> list[_Found]:
    persona, function, setup = of_calls
    known = [(sample, secrets(sample, seen, persona)) for sample in samples]
    if not any(some for _, some in known):
        return []
    found: list[_Found] = []
    told_of = tokens(scene, persona, seen)
    calls = [replace(c, setup=setup) for c in _calls(scene, persona, function) if told_of.isdisjoint(c.said)]
    for call, answer in make_calls(scene, persona, calls):
        values = told(answer) - call.said
        for sample, some in known:
            found += ((call, sample, some[value], value) for value in sorted(values & some.keys()))
    return found


def _tells(
    scene: Scene, persona: Persona, function: Function, seen: dict[Persona, Reach], *, solved: bool
) -> Finding | None:
    found = _told_to(scene, persona, function, seen[persona], solved=solved)
    if not found:
        return None
    asks = asks_who_calls(scene, function)
    own = [one for one in found if persona.id in one[2].owners and _sees_own(one[1], persona, seen[persona])]
    if asks and not own:
        return _asks_in_vain(scene, persona, function, seen, found, solved=solved)
    call, sample, _, value = (own or found)[0]
    severity = Severity.MEDIUM if asks else Severity.CRITICAL if persona.id is None else Severity.HIGH
    is_part = not function.types and not _is_whole(found, secrets(sample, seen[persona], persona))
    if not asks and (is_part or (is_helper(scene, function) and all(is_name(*one[1:]) for one in found))):
        severity = Severity.LOW  # nobody asks for somebody in particular, or who does gets a name of a row
    who = [p for p in _who(scene, function) if p.id or not asks]
    whose = f"{persona.name}'s own rows" if asks else "rows"
    why = "" if asks else ", and does not ask who calls"
    sentence = (
        f"{anyone(who)} gets from {function.function} {whose} of {sample.object} that a SELECT hides{why}."
    )
    return _finding(
        function, who, severity=severity, sentence=sentence, steps=_shows(call, value), what="tells"
    )


def _is_whole(found: Sequence[_Found], some: dict[str, Row]) -> bool:
    """Whether it gives a row as it is: whoever leaves columns out has chosen what to show."""
    row = found[0][2]
    values = {value for value, one in some.items() if one is row}
    return values <= {value for _, _, one, value in found if one is row}


def _asks_in_vain(  # noqa: PLR0913 - who calls what, and what came of it
    scene: Scene,
    persona: Persona,
    function: Function,
    seen: dict[Persona, Reach],
    found: Sequence[_Found],
    *,
    solved: bool,
) -> Finding | None:
    """A function that asks who calls tells everybody all the same; or those without an account."""
    call, sample, _, value = found[0]
    if persona.id is None:
        if any(_gives(scene, user, call, value) for user in scene.users):
            return None
        why = "which refuses others, and whose condition is NULL for who has no id"
        severity = Severity.CRITICAL
    else:
        if not _sees_own(sample, persona, seen[persona]) or not function.types:
            return None
        for user in scene.users:
            some = {
                one[2].key
                for one in _told_to(scene, user, function, seen[user], solved=solved)
                if one[1].object == sample.object
            }
            if some != {row.key for row in secrets(sample, seen[user], user).values()}:
                return None  # from whom nothing is hidden, that is told nothing
        why = "which asks who calls, and refuses nobody"
        severity = Severity.MEDIUM
    who = [persona] if persona.id is None else [p for p in _who(scene, function) if p.id]
    sentence = (
        f"{anyone(who)} gets from {function.function} rows of {sample.object} that a SELECT hides, {why}."
    )
    return _finding(
        function, who, severity=severity, sentence=sentence, steps=_shows(call, value), what="tells"
    )


def _gives(scene: Scene, persona: Persona, call: Call, value: str) -> bool:
    with scene.session.undone():
        ready = all(run(scene.session, None, text) for text in call.setup)
        answers = make_calls(scene, persona, [replace(call, persona=persona)]) if ready else []
    return any(value in told(answer) for _, answer in answers)


def _sees_own(sample: Sample, persona: Persona, seen: Reach) -> bool:
    """Whether a condition tells its own rows apart: of a table that is closed to it, a function may tell."""
    visible = seen.seen.get(sample.object, frozenset())
    return any(r.key in visible and (persona.id in r.owners or not sample.ownership) for r in sample.rows)


def _shows(call: Call, value: str) -> tuple[Step, ...]:
    text = f"select * from ({call.statement}) as r where exists (select from pg_catalog.jsonb_path_query("
    text += f"pg_catalog.to_jsonb(r), '$.**') as v where v #>> '{{}}' = {literal(value)})"
    return (*(Step(statement=one) for one in call.setup), Step(who=call.persona, statement=text, shows=ROWS))


def _tells_in_errors(scene: Scene, persona: Persona, function: Function, seen: Reach) -> Finding | None:
    """A refusal that says what stands in the row."""
    for sample in samples_of(scene, function):
        some = {v: row for v, row in secrets(sample, seen, persona).items() if len(v) >= _TOLD_BY_ERRORS}
        for call, answer in make_calls(scene, persona, _calls(scene, persona, function)) if some else ():
            values = [v for v in some if v in answer.message and not any(v in one for one in call.said)]
            if answer.sqlstate and values and persona.id not in some[values[0]].owners:
                who = _who(scene, function)
                sentence = (
                    f"{anyone(who)} is told by an error of {function.function} what stands in rows of "
                    f"{sample.object} that a SELECT hides: {answer.message.splitlines()[0]}"
                )
                steps = (Step(who=persona, statement=call.statement, shows=answer.sqlstate),)
                return _finding(
                    function,
                    who,
                    severity=Severity.MEDIUM,
                    sentence=sentence,
                    steps=steps,
                    what="tells in errors",
                )
    return None


def _writes(
    scene: Scene, persona: Persona, function: Function, seen: dict[Persona, Reach], *, solved: bool
) -> Finding | None:
    if function.volatility != "v":
        return None
    deeds = deeds_of(scene, persona, function, seen, solved=solved)
    asks = asks_who_calls(scene, function)
    if asks:
        forged = find_forged(scene, persona, function, deeds)
        deeds = refused_to_nobody(scene, persona, function, seen, deeds, solved=solved)
        if forged and not deeds:
            who, (said, steps) = [p for p in _who(scene, function) if p.id], forged
            return _finding(function, who, severity=_FORGED, sentence=said, steps=steps, what="forges")
    if not deeds:
        return None
    # What it changes is worse than what it enters, and what the caller says than what it says itself.
    deed = min(deeds, key=lambda deed: (not deed.chosen, deed.action is Action.INSERT))
    worst = Severity.CRITICAL if persona.id is None else Severity.HIGH
    severity = worst if deed.chosen else Severity.MEDIUM
    who = [p for p in _who(scene, function) if not asks or bool(p.id) is bool(persona.id)]
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
    return _finding(function, who, severity=severity, sentence=sentence, steps=steps, what="writes")


def _injects(scene: Scene, persona: Persona, function: Function) -> Finding | None:
    found = find_injection(scene, persona, function)
    if not found:
        return None
    call, argument = found
    who = _who(scene, function)
    sentence = (
        f"{anyone(who)} writes SQL into {function.function}, which runs it with its owner's rights: "
        f"a quote in argument {argument} is a syntax error of what it executes."
    )
    severity = Severity.CRITICAL if any(p.id is None for p in who) else Severity.HIGH
    steps = (Step(who=persona, statement=call.statement, shows="42601"),)
    return _finding(function, who, severity=severity, sentence=sentence, steps=steps, what="injects")


def _gains(scene: Scene, persona: Persona, function: Function) -> Iterator[Finding]:
    who = [p for p in _who(scene, function) if p.id]
    for gain in find_gains(scene, persona, function):
        yield _finding(
            function, who, severity=gain.severity, sentence=gain.sentence, steps=gain.steps, what=gain.what
        )


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
        if what in ("writes", "injects")  # others call what tells something for good reasons
        else (),
    )
