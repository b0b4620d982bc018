"""Guards that never refuse: a trigger asks who is writing, and runs as its owner, whom it asks about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from pgassay.audit.confirmation import plays
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Severity, Step, Steps
from pgassay.audit.scene import Scene, own_condition
from pgassay.audit.writes import make_room, naming_columns, own_inserts, own_updates, values_for, with_value
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Function, ObjectKey, Trigger
from pgassay.matrix import statements
from pgassay.matrix.rows import Sample
from pgassay.observation import Persona

_WHO = frozenset(("current_user", "current_role", "user"))
_REFUSED = ("42501", "P0001")
_TRIES = 64


@dataclass(frozen=True, kw_only=True)
class _Deed:
    """A write, and the owner's look that shows that it was done."""

    verb: str
    statement: str
    look: str
    shows: str = ROWS
    column: str = ""
    setup: Steps = ()


def find_guards(scene: Scene) -> Iterator[Finding]:
    """One for each function, with the first write that it would stop if it ran as whoever writes."""
    for function in scene.functions.values():
        is_guard = function.definer and function.result == "trigger" and scene.is_ours(function)
        if not is_guard or _WHO.isdisjoint(find_literals([function.text]).words):
            continue
        triggers = scene.catalog.parts(Trigger)
        tries = (
            found
            for sample in scene.samples
            if any(one.function_oid == function.oid for one in triggers.get(sample.table.oid, ()))
            for persona in scene.users
            for found in _of(scene, function, sample, persona)
        )
        yield from islice(tries, 1)


def _of(scene: Scene, function: Function, sample: Sample, persona: Persona) -> Iterator[Finding]:
    invoker = Step(statement=f"alter function {function.function} security invoker")
    for deed in islice(_deeds(scene, function, sample, persona), _TRIES):
        done = Step(who=persona, statement=deed.statement, shows=ROWS)
        look = Step(statement=deed.look, shows=deed.shows)
        is_done = (*deed.setup, done, look)
        undone = replace(look, shows=NO_ROWS_SHOWN if deed.shows == ROWS else ROWS)
        ways: list[Steps] = [(replace(done, shows=""), undone)]
        # Or what it writes itself is refused, as to whoever keeps a log.
        raises = "raise" in find_literals([function.text]).words
        ways += [(replace(done, shows=code),) for code in _REFUSED if raises]
        if plays(scene.session, is_done) and any(
            plays(scene.session, (invoker, *deed.setup, *way)) for way in ways
        ):
            yield _tell(function, sample, scene.users, deed, is_done)


def _deeds(scene: Scene, function: Function, sample: Sample, persona: Persona) -> Iterator[_Deed]:
    """On rows of the persona's own: columns that the function names first."""
    named = find_literals([function.text]).words
    table, own = sample.table, own_condition(sample, persona)
    for write in sorted(own_updates(scene, sample, persona), key=lambda write: write.column not in named):
        look = f"select 1 from {table.name} as t where {own} and {write.written}"
        yield _Deed(verb="update", statement=write.statement, look=look, column=write.column)
    room = (Step(statement=make_room(sample, persona)),)
    for write in own_inserts(sample, persona):
        for name in sorted(named & table.privileges[persona.role].insert - naming_columns(sample)):
            for value in values_for(scene, sample, table.columns[name], besides=write.values.get(name)):
                other = with_value(write, name, value)
                look = (
                    f"select 1 from {table.name} as t where pg_catalog.age(t.xmin) <= 0 and {other.written}"
                )
                yield _Deed(verb="insert", statement=other.statement, look=look, column=name, setup=room)
    for row in [row for row in sample.rows if persona.id in row.owners][:1]:
        where = statements.condition(sample.key, row.key)
        look = f"select 1 from {table.name} where {where}"
        gone = statements.delete(table, where=where)
        yield _Deed(verb="delete", statement=gone, look=look, shows=NO_ROWS_SHOWN)


def _tell(function: Function, sample: Sample, users: Sequence[Persona], deed: _Deed, steps: Steps) -> Finding:
    persona = next(step.who for step in steps if step.who)
    verbs = {"update": f"sets {deed.column} of", "insert": f"enters {deed.column} of", "delete": "removes"}
    return Finding(
        rule="pointless",
        object=sample.object,
        columns=(deed.column,) if deed.column else (),
        actions=(deed.verb,),
        who=tuple(user.name for user in users),
        severity=Severity.MEDIUM,
        sentence=f"{persona.name} {verbs[deed.verb]} a row of {persona.name}'s own in {sample.object}, which "
        f"{function.function} is to stop: it asks for the current user, and runs as its owner.",
        steps=steps,
        cause=f"guard {function.function}",
        about=(ObjectKey(kind="function", object=function.function, name=""),),
        candidates=((f"alter function {function.function} security invoker",),),
        exact=True,
    )
