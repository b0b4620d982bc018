"""Functions that ask who calls only where a filter is given: whoever leaves it out is told everything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from pgassay.audit.asking import asks_who_calls
from pgassay.audit.calls import Call, make_calls, samples_of, secrets, told
from pgassay.audit.model import NO_ROWS_SHOWN, Finding, Severity
from pgassay.audit.reach import Reach
from pgassay.audit.rules.functions.findings import callers_of, calls_of, make_finding, show_told
from pgassay.audit.scene import Scene
from pgassay.audit.words import anyone
from pgassay.catalog.model import Function
from pgassay.matrix.rows import Row, Sample
from pgassay.observation import Persona

_ROWS = 4
_OPENINGS = 8


def tells_unfiltered(scene: Scene, persona: Persona, function: Function, seen: Reach) -> Finding | None:
    """What the persona is told where an argument is null, and not where it names the row or what it is in.

    A flag names nothing: who asks for more than his own says so.
    """
    if not asks_who_calls(scene, function):
        return None
    known = [(sample, secrets(sample, seen, persona)) for sample in samples_of(scene, function)]
    calls = [call for call in calls_of(scene, persona, function) if None in call.arguments]
    tried = (
        (call, named, sample, value)
        for call, answer in make_calls(scene, persona, calls if any(some for _, some in known) else ())
        for sample, some in known
        for value in islice(sorted(some.keys() & told(answer) - call.said), _ROWS)
        for named in _named(call, sample, some[value])
    )
    for call, named, sample, value in islice(tried, _OPENINGS):
        readers = [user for user in scene.users if user != persona]
        if _tells(scene, named, value):
            continue
        for reader in (user for user in readers if _tells(scene, replace(named, persona=user), value)):
            return _tell(scene, (call, named), reader, sample, value)
    return None


def _tell(scene: Scene, calls: tuple[Call, Call], reader: Persona, sample: Sample, value: str) -> Finding:
    call, named = calls
    function, persona = call.function, call.persona
    who = [p for p in callers_of(scene, function) if p.id or not persona.id]
    steps = (
        *show_told(named, value, NO_ROWS_SHOWN),
        *show_told(replace(named, persona=reader), value),
        *show_told(call, value),
    )
    sentence = (
        f"{anyone(who)} who leaves an argument of {function.function} out gets rows of {sample.object} from "
        f"it, which it keeps from them where they name the row, or what it is in."
    )
    severity = Severity.MEDIUM if persona.id else Severity.HIGH
    return make_finding(function, who, severity=severity, sentence=sentence, steps=steps, what="tells")


def _named(call: Call, sample: Sample, row: Row) -> Iterator[Call]:
    """The same call with the row, or what the row refers to, in place of what is null."""
    names = {*sample.key, *(name for key in sample.table.foreign_keys for name in key.columns)}
    for place, type_ in enumerate(call.function.types[: len(call.arguments)]):
        for name in sorted(names) if call.arguments[place] is None else ():
            if sample.table.columns[name].base == type_ and (value := row.values[name]):
                yield replace(call, arguments=(*call.arguments[:place], value, *call.arguments[place + 1 :]))


def _tells(scene: Scene, call: Call, value: str) -> bool:
    return any(value in told(answer) for _, answer in make_calls(scene, call.persona, [call]))
