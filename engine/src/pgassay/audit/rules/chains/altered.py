"""Rows of a user's own that he changes before a function reads them: an invitation says more then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import Call, callable_by, look_new, samples_of
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Severity, Step
from pgassay.audit.reach import measure_seen
from pgassay.audit.rules.chains.entering import opened_by
from pgassay.audit.scene import Scene, run
from pgassay.audit.writes import Write, left_to_update, make_room, own_updates, owner_columns
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Function, ObjectKey
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import AS_OWNER, condition
from pgassay.observation import Persona

_WRITES = 12  # of one column
_CALLS = 4


def find_altered(scene: Scene) -> Iterator[Finding]:
    """One finding for each column with which a call opens more than without the change."""
    done: set[tuple[str, str]] = set()
    for persona in scene.users:
        for function in callable_by(scene, persona):
            for write, call, shown, room in _all(scene, persona, function):
                if (write.sample.object, write.column) not in done:
                    done.add((write.sample.object, write.column))
                    yield _tell(scene, write, call, shown, room)


def _all(
    scene: Scene, persona: Persona, function: Function
) -> Iterator[tuple[Write, Call, tuple[Sample, Row], Sequence[str]]]:
    asked = [s for s in samples_of(scene, function) if scene.dependents(s.table.name) - {s.table.name}]
    if function.volatility != "v" or not function.definer or not asked or scene.is_unending(function):
        return
    words = find_literals([function.text]).words
    room = [make_room(sample, persona) for sample in asked if owner_columns(sample)]
    only = frozenset[str]().union(*(scene.dependents(s.table.name) for s in asked))
    for sample in (s for s in samples_of(scene, function) if s not in asked and owner_columns(s)):
        columns: dict[str, list[Write]] = {}
        for write in own_updates(scene, sample, persona):
            # A function may take the row as a whole.
            if write.column not in sample.key and sample.table.relation in words:
                columns.setdefault(write.column, []).append(write)
        for writes in columns.values():
            yield from islice(_of_column(scene, persona, function, writes[:_WRITES], (room, only)), 1)


def _of_column(
    scene: Scene,
    persona: Persona,
    function: Function,
    writes: Sequence[Write],
    where: tuple[Sequence[str], frozenset[str]],
) -> Iterator[tuple[Write, Call, tuple[Sample, Row], Sequence[str]]]:
    room, only = where
    for setup in ((), room):
        with scene.session.undone():
            if not all(run(scene.session, None, text) for text in setup):
                continue
            pairs = _differing(scene, persona, function, writes)
            if not pairs:
                continue
            before = measure_seen(scene, persona)
            for write, call in pairs[:_CALLS]:
                plain = opened_by(scene, call, before, only).rows
                with scene.session.undone():
                    changed = run(scene.session, persona, write.statement)
                    rows = opened_by(scene, call, before, only).rows if changed else ()
                if more := [one for one in rows if one not in plain]:
                    yield write, call, more[0], setup


def _differing(
    scene: Scene, persona: Persona, function: Function, writes: Sequence[Write]
) -> list[tuple[Write, Call]]:
    """Calls about the changed row that write something else than without the change."""
    looks = [AS_OWNER, *(look_new(s) for s in samples_of(scene, function) if s is not writes[0].sample)]
    pairs = [
        (write, Call(function=function, arguments=some, persona=persona))
        for write in writes
        for some in [a for a in argument_lists(scene, function) if set(write.row.key) & set(a)][:_CALLS]
    ]
    plain = scene.ask(persona, [[call.statement, *looks] for _, call in pairs])
    after = scene.ask(persona, [[write.statement, call.statement, *looks] for write, call in pairs])
    return [
        pair
        for pair, one, other in zip(pairs, plain, after, strict=True)
        if not other.sqlstate and (one.sqlstate or one.rows[2:] != other.rows[3:])
    ]


def _tell(scene: Scene, write: Write, call: Call, shown: tuple[Sample, Row], setup: Sequence[str]) -> Finding:
    persona, (sample, row) = call.persona, shown
    table, name = write.sample.table, call.function.function
    look = f"select 1 from {sample.table.name} where {condition(sample.key, row.key)}"
    policies = [p for p in table.privileges[persona.role].policies if p.command in ("update", "all")]
    left = table.privileges[persona.role].update - {write.column}
    return Finding(
        rule="chains",
        object=table.name,
        columns=(write.column,),
        actions=("update",),
        who=tuple(user.name for user in scene.users),
        severity=Severity.HIGH,
        sentence=f"{persona.name} sets {table.name}.{write.column} of a row of {persona.name}'s own, calls "
        f"{name}, and then reads rows of {sample.object} that the call did not open before.",
        steps=(
            *(Step(statement=text) for text in setup),
            Step(who=persona, statement=look, shows=NO_ROWS_SHOWN),
            Step(who=persona, statement=write.statement, shows=ROWS),
            Step(who=persona, statement=call.statement),
            Step(who=persona, statement=look, shows=ROWS),
        ),
        cause=f"own update {table.name} {write.column}",
        about=(*(p.key for p in policies), ObjectKey(kind="relation", object=table.name, name="")),
        candidates=(left_to_update(table, persona.role, left),),
    )
