"""Numbers that users enter in rows of their own, and that a function believes: credits one gives oneself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import Call, callable_by, look_new, make_calls, samples_of
from pgassay.audit.model import OF_VALUES, ROWS, Finding, Severity, Step
from pgassay.audit.scene import Scene, run
from pgassay.audit.writes import Write, make_room, naming_columns, own_inserts, owner_columns, with_value
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column, Function, ObjectKey
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import AS_OWNER, NUMBERS
from pgassay.observation import Persona

_LITTLE, _MUCH = "0", "100000"
_FEW = 6


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """An INSERT with little and with much in a column."""

    little: Write
    much: Write
    column: Column
    room: str


def find_granted(scene: Scene) -> Iterator[Finding]:
    """One finding for each table, by the first function that goes through."""
    done: set[str] = set()
    for persona in scene.users:
        for sample in scene.samples:
            asking = [f for f in callable_by(scene, persona) if _asks(scene, f, sample)]
            for entry in _entries(scene, sample, persona) if asking else ():
                for function in asking if sample.object not in done else ():
                    if found := _try(scene, persona, entry, function):
                        done.add(sample.object)
                        yield found
                        break


def _asks(scene: Scene, function: Function, sample: Sample) -> bool:
    is_used = function.volatility == "v" and function.definer and sample in samples_of(scene, function)
    return is_used and not scene.is_unending(function)


def _entries(scene: Scene, sample: Sample, persona: Persona) -> Iterator[_Entry]:
    """For each number that something names, and whatever it is goes in."""
    table = sample.table
    if table.kind not in "rp" or sample.object != table.name or not owner_columns(sample):
        return
    fixed = naming_columns(sample)
    held = table.privileges[persona.role].insert
    for column in table.columns.values():
        if column.base not in NUMBERS or column.name not in (held & scene.said) - fixed or column.generated:
            continue
        for write in islice(own_inserts(sample, persona), _FEW):
            room = make_room(sample, persona)
            pair = [with_value(write, column.name, value) for value in (_LITTLE, _MUCH)]
            with scene.session.undone():
                ready = run(scene.session, None, room)
                answers = scene.ask(persona, [[one.statement] for one in pair]) if ready else []
            if answers and not any(answer.sqlstate for answer in answers):
                yield _Entry(little=pair[0], much=pair[1], column=column, room=room)
                break


def _try(scene: Scene, persona: Persona, entry: _Entry, function: Function) -> Finding | None:
    if entry.column.name not in find_literals([function.text]).words:
        return None
    calls = [
        Call(function=function, arguments=some, persona=persona) for some in argument_lists(scene, function)
    ]
    little, much = (_answers(scene, persona, entry.room, one, calls) for one in (entry.little, entry.much))
    for call, code in little.items():
        if code and not code.startswith(OF_VALUES) and much.get(call, "-") == "":
            return _tell(scene, entry, call, code)
    return None


def _answers(scene: Scene, persona: Persona, room: str, write: Write, calls: list[Call]) -> dict[Call, str]:
    """By call the SQLSTATE; "" where it wrote something."""
    look = look_new(write.sample)
    with scene.session.undone():
        if not run(scene.session, None, room) or not run(scene.session, persona, write.statement):
            return {}
        answers = make_calls(scene, persona, calls, AS_OWNER, look)
    return {call: answer.sqlstate for call, answer in answers if answer.sqlstate or answer.counts[0] >= 0}


def _tell(scene: Scene, entry: _Entry, call: Call, code: str) -> Finding:
    sample, persona = entry.much.sample, call.persona
    table, name, function = sample.table, persona.name, call.function.function
    number = f"{entry.column.name} = {_MUCH}"
    policies = [p for p in table.privileges[persona.role].policies if p.command in ("insert", "all")]
    return Finding(
        rule="depends",
        object=sample.object,
        columns=(entry.column.name,),
        actions=("insert",),
        who=tuple(p.name for p in scene.users),
        severity=Severity.MEDIUM,
        sentence=f"{name} inserts a row of {name}'s own into {table.name} with {number}, and "
        f"{function} goes through, which is refused with {_LITTLE} ({code}).",
        steps=(
            Step(statement=entry.room),
            Step(who=persona, statement=entry.little.statement, shows=ROWS),
            Step(who=persona, statement=call.statement, shows=code),
            Step(statement=entry.room),
            Step(who=persona, statement=entry.much.statement, shows=ROWS),
            Step(who=persona, statement=call.statement),
        ),
        cause=f"own update {sample.object} {entry.column.name}",
        about=(*(p.key for p in policies), ObjectKey(kind="relation", object=table.name, name="")),
        candidates=((f"revoke insert on {table.name} from {persona.role}",),),
        exact=True,
    )
