"""Calls from which a caller's own number grows without anybody having meant it.

With a negative amount; by naming oneself where another is meant, who may be paid as well; back, for what was
never paid or is used up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import Call, callable_by, make_calls, samples_of, setups
from pgassay.audit.model import Severity, Step, Steps
from pgassay.audit.purses import Purse, find_purses
from pgassay.audit.rules.functions.both import find_both
from pgassay.audit.scene import Scene, run
from pgassay.audit.signs import STEP, find_sign
from pgassay.catalog.model import Function
from pgassay.matrix.statements import AS_OWNER, MOMENTS, NUMBERS
from pgassay.observation import Persona

_SETUPS = 12
_PAIRS = 24


@dataclass(frozen=True, kw_only=True)
class Gain:
    """What is told of it; `what`: the cause."""

    severity: Severity
    sentence: str
    steps: Steps
    what: str


def find_gains(scene: Scene, persona: Persona, function: Function) -> Iterator[Gain]:
    """At most one of each kind."""
    if persona.id is None or function.volatility != "v" or not function.types:
        return
    if sign := find_sign(scene, persona, function):
        yield Gain(
            severity=Severity.HIGH,
            sentence=f"{persona.name} calls {function.function} with a negative number, and {sign.column} of "
            f"{persona.name}'s own row in {sign.sample.object} grows, which the same positive number lowers.",
            steps=sign.steps,
            what="turns round",
        )
    if both := find_both(scene, persona, function):
        yield Gain(
            severity=Severity.MEDIUM,
            sentence=f"{persona.name} names {persona.name} in a call of {function.function}, and {both.told} "
            "grows by more than in a call that names another, which pays both of them.",
            steps=both.steps,
            what="pays both",
        )
    purses = list(find_purses(scene, persona, samples_of(scene, function)))
    for find in (_by_oneself, _untaken):
        yield from islice((gain for purse in purses for gain in find(scene, persona, function, purse)), 1)


def grown_by(purse: Purse, scene: Scene, calls: Sequence[Call], *whose: Persona) -> list[list[float]]:
    """By how much each number of a purse is more after each call; nothing of one that is refused."""
    looks = [purse.look(user) for user in whose]
    answers = make_calls(scene, calls[0].persona, calls, AS_OWNER, *looks)
    return [
        [float(look[0][0] or 0) - purse.enough if look else 0.0 for look in answer.rows[2:]]
        if not answer.sqlstate
        else []
        for _, answer in answers
    ]


def _by_oneself(scene: Scene, persona: Persona, function: Function, purse: Purse) -> Iterator[Gain]:
    """A call that names its caller where the same call that names another gives to that one."""
    numbered = [
        tuple(str(STEP) if type_ in NUMBERS else a for a, type_ in zip(some, function.types, strict=True))
        for some in argument_lists(scene, function)
    ]
    setup = purse.setup(scene.users)
    with scene.session.undone():
        if not all(run(scene.session, None, text) for text in setup):
            return
        lists = list(dict.fromkeys(numbered))
        for other in (other for other in scene.users if other != persona):
            for mine, theirs in islice(_pairs(purse, lists, persona, other), _PAIRS):
                calls = [Call(function=function, arguments=a, persona=persona) for a in (mine, theirs)]
                grown = grown_by(purse, scene, calls, persona, other)
                if len(grown) < len(calls) or not all(grown):
                    continue
                (own, _), (spent, given) = grown
                # Who says how much another one is given may pay for it elsewhere.
                is_fixed = set(function.types).isdisjoint(NUMBERS)
                if own > 0 and given > 0 and (spent < 0 or (spent == 0 and is_fixed)):
                    steps = (
                        *(Step(statement=text) for text in setup),
                        Step(who=persona, statement=calls[0].statement),
                        purse.more(persona),
                    )
                    why = "lowers" if spent < 0 else "leaves as it is, and gives to another"
                    yield Gain(
                        severity=Severity.HIGH if spent < 0 else Severity.MEDIUM,
                        sentence=f"{persona.name} calls {function.function} for {persona.name}, and "
                        f"{purse.told(persona)} grows, which the same call for {other.name} {why}.",
                        steps=steps,
                        what="to oneself",
                    )


def _pairs(
    purse: Purse, lists: Sequence[tuple[str | None, ...]], persona: Persona, other: Persona
) -> Iterator[tuple[tuple[str | None, ...], tuple[str | None, ...]]]:
    """Lists of arguments that differ in who is named."""
    names = {user: _names(purse, user) for user in (persona, other)}
    for some in lists:
        for place, value in enumerate(some):
            for mine in names[persona] if value in names[other] else ():
                if names[persona][mine] == names[other][value]:
                    yield (*some[:place], mine, *some[place + 1 :]), some


def _names(purse: Purse, user: Persona) -> dict[str | None, str]:
    """What names a user, and by which column."""
    table = purse.sample.table
    alone = [index.columns[0] for index in table.unique if len(index.columns) == 1]
    rows = [row for row in purse.sample.rows if user.id in row.owners]
    found: dict[str | None, str] = {row.values[name]: name for row in rows for name in alone}
    return {value: name for value, name in found.items() if value not in (None, user.id)} | {user.id: ""}


def _untaken(scene: Scene, persona: Persona, function: Function, purse: Purse) -> Iterator[Gain]:
    """A call about a row that gives, where another about it could still take, or has used it up."""
    calls = [
        Call(function=function, arguments=some, persona=persona)
        for some in _about_own(scene, persona, function)
    ]
    others = [
        other
        for other in callable_by(scene, persona)
        if other.types == function.types and other.volatility == "v" and other is not function
        if {s.object for s in samples_of(scene, other)} & {s.object for s in samples_of(scene, function)}
    ]
    for setup in islice(_states(scene, function), _SETUPS) if calls and others else ():
        ready = (*purse.setup(scene.users), *setup)
        with scene.session.undone():
            if not all(run(scene.session, None, text) for text in ready):
                continue
            grown = grown_by(purse, scene, calls, persona)
            giving = [call for call, some in zip(calls, grown, strict=False) if some and some[0] > 0]
            for call in giving:
                for other in others:
                    if found := _judge(scene, call, other, purse):
                        before, why = found
                        sentence = (
                            f"{persona.name} calls {function.function}, and {purse.told(persona)} grows, "
                            f"though {other.function} {why}."
                        )
                        steps = (
                            *(Step(statement=text) for text in ready),
                            *(Step(who=persona, statement=one.statement) for one in (*before, call)),
                            purse.more(persona),
                        )
                        yield Gain(severity=Severity.MEDIUM, sentence=sentence, steps=steps, what="untaken")


def _states(scene: Scene, function: Function) -> Iterator[tuple[str, ...]]:
    """As things are; with no moment that may be missing; then those that its body compares with."""
    moments = [
        (s, c)
        for s in samples_of(scene, function)
        for c in s.table.columns.values()
        if c.base in MOMENTS and not c.not_null and not c.generated
    ]
    first, *rest = setups(scene, function)
    yield first
    if moments:
        yield tuple(f"update {s.table.name} set {c.quoted} = null" for s, c in moments)
    yield from rest


def _judge(scene: Scene, call: Call, other: Function, purse: Purse) -> tuple[tuple[Call, ...], str] | None:
    """What has to come before, and why it should not give."""
    persona = call.persona
    rival = replace(call, function=other)
    [taken] = grown_by(purse, scene, [rival], persona) or [[]]
    if taken and taken[0] < 0:
        return (), "has taken nothing for it, and still can"
    if not taken or taken[0] > 0:
        return None
    with scene.session.undone():
        [after] = grown_by(purse, scene, [call], persona) if _call(scene, rival) else [[]]
    with scene.session.undone():
        is_refused = _call(scene, call) and not _call(scene, rival)
    if after and after[0] > 0 and is_refused:
        return (rival,), "was called for it, which it refuses the other way round"
    return None


def _call(scene: Scene, call: Call) -> bool:
    return run(scene.session, call.persona, call.statement)


def _about_own(scene: Scene, persona: Persona, function: Function) -> list[tuple[str | None, ...]]:
    keys = {
        row.key[0]
        for sample in samples_of(scene, function)
        for row in sample.rows
        if len(row.key) == 1 and persona.id in row.owners and row.key[0] != persona.id
    }
    return [some for some in argument_lists(scene, function) if keys & set(some)]
