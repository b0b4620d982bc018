"""Defaults: an INSERT sets a column to what its user may never change it to.

The schema says how such a row begins: by a default, or by refusing the same value in an UPDATE.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pgassay.audit.listed import has_constant, is_empty
from pgassay.audit.model import NO_ROWS_SHOWN, OF_VALUES, ROWS, Finding, Severity, Step
from pgassay.audit.scene import Scene, own_condition, run
from pgassay.audit.words import is_standing, says_decided
from pgassay.audit.writes import Write, insert_of, make_room, owner_columns, values_for, with_value
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column, Constraint, Function, ObjectKey, Policy, Trigger
from pgassay.catalog.names import quoted
from pgassay.matrix import statements
from pgassay.matrix.model import Action, RowClass
from pgassay.matrix.rows import Sample
from pgassay.observation import Outcome, Persona

RULE = "defaults"
_PLAIN = (*statements.NUMBERS, "bool")


def find(scene: Scene) -> Iterator[Finding]:
    """Of each table in which users have rows of their own, at most one finding for each column."""
    for sample in scene.samples:
        if sample.table.kind not in "rp" or not owner_columns(sample) or sample.object != sample.table.name:
            continue
        done: set[str] = set()
        for persona in scene.users:
            for finding in _of_persona(scene, sample, persona, done):
                done |= set(finding.columns)
                yield finding


def _of_persona(scene: Scene, sample: Sample, persona: Persona, done: set[str]) -> Iterator[Finding]:
    columns = [
        c
        for c in sample.table.columns.values()
        if c.name not in done and _is_asked(scene, sample, persona, c)
    ]
    if not columns:
        return
    begun = _first_insert(scene, sample, persona)
    if begun is None:
        return
    setup, write = begun
    for column in columns:
        if found := _try(scene, persona, setup, write, column):
            yield found


def _is_asked(scene: Scene, sample: Sample, persona: Persona, column: Column) -> bool:
    """Columns with a constant default, and plain facts about users who have one row each."""
    table = sample.table
    keys = {name for index in table.unique for name in index.columns}
    refers = {name for key in table.foreign_keys for name in key.columns}
    if column.generated or column.identity or column.name in keys | refers | owner_columns(sample):
        return False
    if column.name not in table.privileges[persona.role].insert:
        return False
    if is_empty(column) and not _is_compared(scene, sample, column):
        return False  # free text, which says nothing to anybody but its readers
    if _is_number_of_things(column) and not (_is_single(sample) or _is_used(scene, sample, column)):
        return False  # as a quantity, which a CHECK bounds
    return has_constant(column) or (_is_single(sample) and (column.base in _PLAIN or bool(column.labels)))


def _is_compared(scene: Scene, sample: Sample, column: Column) -> bool:
    """Whether a condition, function, trigger, view or CHECK names it."""
    checks = scene.catalog.parts(Constraint).get(sample.table.oid, ())
    is_checked = any(c.type == "c" and column.name in c.columns for c in checks)
    return is_checked or _is_used(scene, sample, column)


def _is_used(scene: Scene, sample: Sample, column: Column) -> bool:
    """Whether a condition, function, trigger or view names it."""
    triggers = (t.definition for t in scene.catalog.of(Trigger) if t.relation_oid == sample.table.oid)
    return column.name in scene.said | find_literals(triggers).words


def _is_number_of_things(column: Column) -> bool:
    """Whether a number begins as something else than nothing: what is counted begins as 0."""
    return column.base in statements.NUMBERS and (column.default or "").strip("'") not in ("0", "0.0", "0.00")


def _is_single(sample: Sample) -> bool:
    return any(set(index.columns) <= owner_columns(sample) for index in sample.table.unique)


def _first_insert(scene: Scene, sample: Sample, persona: Persona) -> tuple[tuple[str, ...], Write] | None:
    """An own row that goes in; the persona's others may have to go before."""
    for row in sample.rows:
        write = insert_of(sample, persona, row)
        if write is None:
            return None
        for setup in ((), (make_room(sample, persona),)):
            with scene.session.undone():
                ran = all(run(scene.session, None, text) for text in setup)
                if ran and run(scene.session, persona, write.statement):
                    return setup, write
    return None


def _look(write: Write, persona: Persona, column: Column, value: str, *, fresh: bool = True) -> str:
    sample = write.sample
    new = " and pg_catalog.age(t.xmin) <= 0" if fresh else ""
    return (
        f"select 1 from {sample.table.name} as t where {own_condition(sample, persona)} "
        f"and t.{quoted(column.name)} = {statements.literal(value)}{new}"
    )


def _try(
    scene: Scene, persona: Persona, setup: tuple[str, ...], write: Write, column: Column
) -> Finding | None:
    default = _default_value(scene, column)
    given = write.values.get(column.name) if default is None else default
    values = values_for(scene, write.sample, column, besides=given)
    if _is_chosen(scene, persona, setup, [with_value(write, column.name, value) for value in values]):
        return None
    for value in values:
        insert = with_value(write, column.name, value)
        look = _look(write, persona, column, value)
        if not _stays(scene, persona, (*setup,), insert.statement, look):
            continue
        change = (
            f"update {write.sample.table.name} as t set {quoted(column.name)} = {statements.literal(value)} "
            f"where {own_condition(write.sample, persona)}"
        )
        plain = with_value(write, column.name, default) if default is not None else write
        if _stays(scene, persona, (*setup,), plain.statement, look, change):
            return None  # the user may change it anyway
        if _readers(scene, persona, setup, insert) < _readers(scene, persona, setup, plain):
            continue  # he keeps the row to himself, which is his to say
        found = _tell(scene, persona, (setup, insert), column, look)
        if found.severity is Severity.MEDIUM and _is_only_shown(
            scene, write.sample, column, (value, default)
        ):
            return replace(found, severity=Severity.LOW)
        return found
    return None


def _is_only_shown(scene: Scene, sample: Sample, column: Column, values: Sequence[str | None]) -> bool:
    """Whether policies ask it who reads the row and nothing else does: to publish what is his is an author's.

    Not where somebody is to decide, by what the column or its values are called.
    """
    table = sample.table
    if is_standing(column, table.relation) or any(says_decided(value) for value in values if value):
        return False
    reading = [p for p in scene.policies.get(table.oid, ()) if p.command == "select"]
    policies = (policy for policy in scene.catalog.of(Policy) if policy not in reading)
    texts = (
        *(text for policy in policies for _, text in policy.clauses),
        *(f.text for f in scene.catalog.of(Function) if scene.is_ours(f)),
        *(t.definition for t in scene.catalog.of(Trigger) if t.relation_oid == table.oid),
    )
    asked = find_literals(policy.using or "" for policy in reading).words
    return column.name in asked - find_literals(texts).words


def _readers(scene: Scene, persona: Persona, setup: tuple[str, ...], write: Write) -> int:
    """How many others read the row that an INSERT leaves."""
    look = f"select 1 from {write.sample.table.name} as t where {write.written}"
    with scene.session.undone():
        if not all(run(scene.session, None, text) for text in setup):
            return 0
        if not run(scene.session, persona, write.statement):
            return 0
        answers = [scene.ask(other, [[look]]) for other in scene.people if other != persona]
    return sum(not answer.sqlstate and answer.counts[0] > 0 for [answer] in answers)


def _is_chosen(scene: Scene, persona: Persona, setup: tuple[str, ...], writes: list[Write]) -> bool:
    """Whether a policy or trigger refuses some values: then somebody chose which a row may begin with."""
    with scene.session.undone():
        if not all(run(scene.session, None, text) for text in setup):
            return False
        answers = scene.ask(persona, [[write.statement] for write in writes])
    return any(answer.sqlstate and answer.sqlstate[:2] not in OF_VALUES for answer in answers)


def _default_value(scene: Scene, column: Column) -> str | None:
    if not column.default:
        return None
    [answer] = scene.ask(None, [[f"select ({column.default})::text"]])
    return None if answer.sqlstate else answer.rows[0][0][0]


def _stays(
    scene: Scene, persona: Persona, setup: tuple[str, ...], statement: str, look: str, *more: str
) -> bool:
    session = scene.session
    with session.undone():
        if not all(run(session, None, text) for text in setup):
            return False
        if not run(session, persona, statement):
            return False
        for text in more:
            run(session, persona, text)
        with session.as_owner():
            return session.attempt(look).rowcount > 0


def _may_update(scene: Scene, sample: Sample, persona: Persona, column: Column) -> bool:
    """Whether the user may change other columns of such a row."""
    cells = scene.cells
    return any(
        cell.key.persona == persona.name
        and cell.key.rows is RowClass.OWN
        and cell.key.variant.split("=")[0] != column.name
        and cell.outcome is Outcome.ALLOWED
        for cell in cells.get((sample.object, Action.UPDATE), ())
    )


def _tell(
    scene: Scene, persona: Persona, begun: tuple[tuple[str, ...], Write], column: Column, look: str
) -> Finding:
    setup, insert = begun
    table = insert.sample.table
    guarded = _may_update(scene, insert.sample, persona, column)
    value = insert.values[column.name]
    said = (
        f"the column begins as {column.default}"
        if has_constant(column)
        else "nobody else says it of the user"
    )
    policies = [p for p in table.privileges[persona.role].policies if p.command in ("insert", "all")]
    shown = insert.sample.table.privileges[persona.role].insert
    others = ", ".join(
        quoted(c.name) for c in table.columns.values() if c.name in shown and c.name != column.name
    )
    role = persona.role
    return Finding(
        rule=RULE,
        object=insert.sample.object,
        columns=(column.name,),
        actions=("insert",),
        who=tuple(p.name for p in scene.users),
        severity=Severity.HIGH if guarded else Severity.MEDIUM,
        sentence=f"{persona.name} inserts a row of {persona.name}'s own into {table.name} with "
        f"{column.name} = {value!r}, which an UPDATE may not set; {said}.",
        steps=(
            *(Step(statement=text) for text in setup),
            Step(statement=look, shows=NO_ROWS_SHOWN),
            Step(who=persona, statement=insert.statement, shows=ROWS),
            Step(statement=look, shows=ROWS),
        ),
        cause=f"own insert {insert.sample.object} {column.name if has_constant(column) else ''}",
        about=(
            *(ObjectKey(kind="policy", object=table.name, name=policy.name) for policy in policies),
            ObjectKey(kind="relation", object=table.name, name=""),
        ),
        candidates=(
            (
                f"revoke insert on {table.name} from {role}",
                f"grant insert ({others}) on {table.name} to {role}",
            ),
        )
        if others and (column.default or not column.not_null)
        else ((f"revoke insert on {table.name} from {role}",),),
    )
