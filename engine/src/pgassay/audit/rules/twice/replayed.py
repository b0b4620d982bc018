"""Events of elsewhere, such as a payment's, that are told twice with the same key, and pay twice."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pgassay.audit.acts import actors
from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import Call, look_new, make_calls, samples_of
from pgassay.audit.model import ROWS, Finding, Severity, Step
from pgassay.audit.scene import Scene, run
from pgassay.audit.words import is_event
from pgassay.catalog.model import Function, ObjectKey
from pgassay.catalog.read import Access
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import AS_OWNER, NUMBERS, TEXTS, condition, literal
from pgassay.observation import Persona

_KEY = "pgassay-event"
_CALLS = 12
_Key = tuple[str | None, ...]
_Numbers = Mapping[tuple[str, _Key, str], float]


@dataclass(frozen=True, kw_only=True)
class _Replayed:
    """A call after which the key of an event stands in a row, and a number of another one is more."""

    call: Call
    record: Sample
    column: str
    number: tuple[str, _Key, str]
    twice: float


def find_replayed(scene: Scene) -> Iterator[Finding]:
    """Of functions that anybody may call, workers too; one finding for each."""
    done: set[str] = set()
    for persona in actors(scene):
        for function in _callable(scene, persona):
            if function.function not in done and (found := _try(scene, persona, function)):
                done.add(function.function)
                yield _tell(scene, persona, found)


def _callable(scene: Scene, persona: Persona) -> Iterator[Function]:
    """That write, and are told a text."""
    access = Access(scene.catalog)
    for function in scene.functions.values() if persona.role in access.roles else ():
        writes = function.kind == "f" and function.volatility == "v" and scene.is_ours(function)
        if writes and not set(function.types).isdisjoint(TEXTS) and not scene.is_unending(function):
            served = function.schema in scene.catalog.exposed and access.uses(persona.role, function.schema)
            if served and access.holds(persona.role, "execute", function.oid):
                yield function


def _try(scene: Scene, persona: Persona, function: Function) -> _Replayed | None:
    samples = [s for s in samples_of(scene, function) if s.object == s.table.name and s.key]
    looks = [look_new(sample) for sample in samples]
    for place, type_ in enumerate(function.types):
        lists = argument_lists(scene, function)[:_CALLS] if type_ in TEXTS else []
        some = dict.fromkeys((*one[:place], _KEY, *one[place + 1 :]) for one in lists)
        calls = [Call(function=function, arguments=one, persona=persona) for one in some]
        for call, answer in make_calls(scene, persona, calls, AS_OWNER, *looks):
            if answer.sqlstate:
                continue
            record = next(iter(_records(samples, answer.rows[2:])), None)
            if record and (found := _again(scene, call, samples, record)):
                return found
    return None


def _records(samples: list[Sample], rows: tuple[tuple[_Key, ...], ...]) -> Iterator[tuple[Sample, str]]:
    """Where the key stands, in a column that is called so."""
    for sample, new in zip(samples, rows, strict=True):
        for row in new:
            values = json.loads(row[-1] or "{}")
            for column in sample.table.columns.values():
                if values.get(column.name) == _KEY and is_event(column):
                    yield sample, column.name


def _again(scene: Scene, call: Call, samples: list[Sample], record: tuple[Sample, str]) -> _Replayed | None:
    """Whether the same call goes through again, and a number of somebody's grows by as much once more."""
    states = []
    with scene.session.undone():
        for _ in range(2):
            if not run(scene.session, call.persona, call.statement):
                return None
            answers = scene.ask(None, [[look_new(sample)] for sample in samples])
            states.append(_numbers(samples, [answer.rows[0] for answer in answers]))
    once, twice = states
    before = {
        (s.object, row.key, c.name): float(row.values[c.name] or 0)
        for s in samples
        for row in s.rows
        if row.owners
        for c in s.table.columns.values()
        if c.base in NUMBERS and c.name not in s.key
    }
    for number, value in twice.items():
        step = value - once.get(number, value)
        is_paid = number in before and number[0] != record[0].object
        if step and is_paid and step == once[number] - before[number]:
            return _Replayed(call=call, record=record[0], column=record[1], number=number, twice=value)
    return None


def _numbers(samples: list[Sample], looked: list[tuple[_Key, ...]]) -> _Numbers:
    found: dict[tuple[str, _Key, str], float] = {}
    for sample, rows in zip(samples, looked, strict=True):
        for *key, document in rows:
            values = json.loads(document or "{}")
            for column in sample.table.columns.values():
                if column.base in NUMBERS and column.name not in sample.key and values.get(column.name):
                    found[sample.object, tuple(key), column.name] = float(values[column.name])
    return found


def _tell(scene: Scene, persona: Persona, found: _Replayed) -> Finding:
    name, (object_, key, column) = found.call.function.function, found.number
    target = scene.sample_of[object_]
    quoted = target.table.columns[column].quoted
    look = f"select 1 from {target.table.name} as t where {condition(target.key, key)}"
    call = Step(who=persona, statement=found.call.statement)
    table = found.record.table
    return Finding(
        rule="twice",
        object=name,
        actions=("execute",),
        who=(persona.name,),
        severity=Severity.MEDIUM,
        sentence=f"{persona.name} calls {name} twice with {found.column} = {literal(_KEY)}, and {column} of "
        f"{object_} grows each time: {table.name} keeps the event twice, and refuses nothing.",
        steps=(call, call, Step(statement=f"{look} and t.{quoted} = {found.twice:.15g}", shows=ROWS)),
        cause=f"twice {name}",
        about=(ObjectKey(kind="function", object=name, name=""),),
        candidates=((f"create unique index on {table.name} ({table.columns[found.column].quoted})",),),
    )
