"""What a function tells that a SELECT of its caller does not: by its answer, or by its errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pgassay.audit.arguments import solved_setups
from pgassay.audit.asking import asks_who_calls, tokens
from pgassay.audit.calls import Call, make_calls, samples_of, secrets, told
from pgassay.audit.helpers import is_helper, is_name
from pgassay.audit.model import Finding, Severity, Step
from pgassay.audit.reach import Reach, measure_seen
from pgassay.audit.rules.functions.canaries import with_canaries
from pgassay.audit.rules.functions.findings import Told, callers_of, calls_of, make_finding, show_told
from pgassay.audit.scene import Scene, run
from pgassay.audit.words import anyone
from pgassay.catalog.model import Function
from pgassay.matrix.rows import Row, Sample
from pgassay.observation import Persona

_SETUPS = 2
_TOLD_BY_ERRORS = 6  # characters, at least: shorter ones stand in messages by chance


def _told_to(scene: Scene, persona: Persona, function: Function, seen: Reach, *, solved: bool) -> list[Told]:
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
                seen = measure_seen(scene, persona, [s.table.name for s in samples])
            found = _recognized(scene, (persona, function, setup), some, seen) if ready else []
        if found:
            return found
    return []


def _may_say(scene: Scene, table: str, column: str) -> bool:
    """Whether somebody may write the column, as far as rights and policies for such a statement go."""
    of, roles = scene.surface.by_name[table], {persona.role for persona in scene.people}
    return any(column in of.privileges[role].written for role in roles)


def _recognized(
    scene: Scene,
    of_calls: tuple[Persona, Function, tuple[str, ...]],
    samples: Sequence[Sample],
    seen: Reach,
) -> list[Told]:
    persona, function, setup = of_calls
    known = [(sample, secrets(sample, seen, persona)) for sample in samples]
    if not any(some for _, some in known):
        return []
    found: list[Told] = []
    told_of = tokens(scene, persona, seen)
    calls = [
        replace(c, setup=setup) for c in calls_of(scene, persona, function) if told_of.isdisjoint(c.said)
    ]
    for call, answer in make_calls(scene, persona, calls):
        values = told(answer) - call.said
        for sample, some in known:
            found += ((call, sample, some[value], value) for value in sorted(values & some.keys()))
    return found


def tells(
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
    who = [p for p in callers_of(scene, function) if p.id or not asks]
    whose = f"{persona.name}'s own rows" if asks else "rows"
    why = "" if asks else ", and does not ask who calls"
    sentence = (
        f"{anyone(who)} gets from {function.function} {whose} of {sample.object} that a SELECT hides{why}."
    )
    return make_finding(
        function, who, severity=severity, sentence=sentence, steps=show_told(call, value), what="tells"
    )


def _is_whole(found: Sequence[Told], some: dict[str, Row]) -> bool:
    """Whether it gives a row as it is: whoever leaves columns out has chosen what to show."""
    row = found[0][2]
    values = {value for value, one in some.items() if one is row}
    return values <= {value for _, _, one, value in found if one is row}


def _asks_in_vain(  # noqa: PLR0913 - who calls what, and what came of it
    scene: Scene,
    persona: Persona,
    function: Function,
    seen: dict[Persona, Reach],
    found: Sequence[Told],
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
    who = [persona] if persona.id is None else [p for p in callers_of(scene, function) if p.id]
    sentence = (
        f"{anyone(who)} gets from {function.function} rows of {sample.object} that a SELECT hides, {why}."
    )
    return make_finding(
        function, who, severity=severity, sentence=sentence, steps=show_told(call, value), what="tells"
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


def tells_in_errors(scene: Scene, persona: Persona, function: Function, seen: Reach) -> Finding | None:
    """A refusal that says what stands in the row."""
    for sample in samples_of(scene, function):
        some = {v: row for v, row in secrets(sample, seen, persona).items() if len(v) >= _TOLD_BY_ERRORS}
        for call, answer in make_calls(scene, persona, calls_of(scene, persona, function)) if some else ():
            error = " ".join(filter(None, (answer.message, answer.detail, answer.hint)))
            values = [v for v in some if v in error and not any(v in one for one in call.said)]
            if answer.sqlstate and values and persona.id not in some[values[0]].owners:
                who = callers_of(scene, function)
                sentence = (
                    f"{anyone(who)} is told by an error of {function.function} what stands in rows of "
                    f"{sample.object} that a SELECT hides: {error.splitlines()[0]}"
                )
                steps = (Step(who=persona, statement=call.statement, shows=answer.sqlstate),)
                return make_finding(
                    function,
                    who,
                    severity=Severity.MEDIUM,
                    sentence=sentence,
                    steps=steps,
                    what="tells in errors",
                )
    return None
