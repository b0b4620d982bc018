"""Codes that prove nothing: only their own user may say them, and he reads them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import Call, callable_by, make_calls, samples_of
from pgassay.audit.confirmation import plays
from pgassay.audit.model import OF_VALUES, Finding, Severity, Step
from pgassay.audit.reach import measure_seen
from pgassay.audit.scene import Scene
from pgassay.audit.writes import owner_columns
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column, Function, ObjectKey
from pgassay.catalog.names import without_arguments
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import TEXTS, condition, literal
from pgassay.observation import Persona

_LISTS, _ROWS = 4, 2


def find_self_proofs(scene: Scene) -> Iterator[Finding]:
    """One finding for each such column."""
    for sample in scene.samples:
        if sample.table.kind in "rp" and owner_columns(sample) and sample.object == sample.table.name:
            for column in _drawn(sample):
                tries = (f for persona in scene.users for f in _of(scene, sample, column, persona))
                yield from islice(tries, 1)


def _drawn(sample: Sample) -> Iterator[Column]:
    """What a default draws, and names no row."""
    table = sample.table
    fixed = {*sample.key, *owner_columns(sample), *(n for key in table.foreign_keys for n in key.columns)}
    for column in table.columns.values():
        is_drawn = "(" in (column.default or "") and not column.generated
        if is_drawn and column.base in (*TEXTS, "uuid") and column.name not in fixed:
            yield column


def _of(scene: Scene, sample: Sample, column: Column, persona: Persona) -> Iterator[Finding]:
    held = sample.table.privileges[persona.role]
    seen = measure_seen(scene, persona, [sample.table.name]).seen.get(sample.object, frozenset())
    own = [row for row in sample.rows if persona.id in row.owners and row.key in seen]
    if column.name not in held.select or column.name in held.written:
        return
    for function in callable_by(scene, persona) if own else ():
        is_writing = function.definer and function.volatility == "v" and not scene.is_unending(function)
        is_asked = column.name in find_literals([function.text]).words
        if is_writing and is_asked and sample in samples_of(scene, function):
            for row in own[:_ROWS]:
                yield from _try(scene, persona, function, (sample, row), column)


def _try(
    scene: Scene, persona: Persona, function: Function, of: tuple[Sample, Row], column: Column
) -> Iterator[Finding]:
    """With the code the call goes through, with another one it is refused, and so is another user's."""
    sample, row = of
    named = f"{sample.table.name} where {condition(sample.key, row.key)}"
    [drawn] = scene.ask(None, [[f"select {column.quoted}::text from {named}"]])  # another in each load
    value = drawn.rows[0][0][0] if not drawn.sqlstate and drawn.rows[0] else None
    places = [n for n, type_ in enumerate(function.types) if type_ == column.base]
    for place in places if value else ():
        for some in argument_lists(scene, function)[:_LISTS]:
            said = [(*some[:place], one, *some[place + 1 :]) for one in (value, row.changed[column.name])]
            mine = [Call(function=function, arguments=one, persona=persona) for one in said]
            others = [user for user in scene.users if user != persona]
            codes = [a.sqlstate for _, a in make_calls(scene, persona, mine)]
            refused = [
                answer.sqlstate
                for other in others
                for _, answer in make_calls(
                    scene, other, [Call(function=function, arguments=said[0], persona=other)]
                )
            ]
            is_proof = len(codes) > 1 and not codes[0] and codes[1] and not codes[1].startswith(OF_VALUES)
            if is_proof and refused and all(refused):
                look = f"(select {column.quoted} from {named})"
                texts = [look if n == place else literal(one) for n, one in enumerate(said[0])]
                call = f"select * from {without_arguments(function.function)}({', '.join(texts)})"
                steps = (
                    Step(who=persona, statement=mine[1].statement, shows=codes[1]),
                    Step(who=persona, statement=call),
                )
                if plays(scene.session, steps):
                    yield _tell(scene, persona, function, (sample, column), steps)
                    return


def _tell(
    scene: Scene, persona: Persona, function: Function, of: tuple[Sample, Column], steps: tuple[Step, ...]
) -> Finding:
    (sample, column), name = of, persona.name
    left = ", ".join(c.quoted for c in sample.table.columns.values() if c.name != column.name)
    role, table = persona.role, sample.table.name
    return Finding(
        rule="functions",
        object=sample.object,
        columns=(column.name,),
        actions=("select",),
        who=tuple(p.name for p in scene.users),
        severity=Severity.MEDIUM,
        sentence=f"{name} reads {column.name} of {name}'s own row in {sample.object}, which "
        f"{function.function} asks {name} for, and takes from nobody else: it proves nothing.",
        steps=steps,
        cause=f"proves {sample.object} {column.name}",
        about=(
            ObjectKey(kind="relation", object=sample.table.name, name=""),
            ObjectKey(kind="function", object=function.function, name=""),
        ),
        candidates=(
            (f"revoke select on {table} from {role}", f"grant select ({left}) on {table} to {role}"),
        ),
    )
