"""Moved rows: a user puts a row of his own where others read it, and where he reads nothing himself."""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Severity, Step
from pgassay.audit.reach import measure
from pgassay.audit.scene import Scene, run
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Constraint, ObjectKey
from pgassay.catalog.names import quoted
from pgassay.matrix import statements
from pgassay.matrix.rows import Row, Sample
from pgassay.observation import Persona

RULE = "moved"


def find(scene: Scene) -> Iterator[Finding]:
    """By an UPDATE of a column that refers to what is no user."""
    for sample in scene.samples:
        if sample.table.kind not in "rp" or sample.object != sample.table.name:
            continue
        for key in sample.table.foreign_keys:
            if len(key.columns) == 1 and key.target != "auth.users":
                found = next((f for p in scene.users if (f := _try(scene, sample, key, p))), None)
                if found:
                    yield found


def _try(scene: Scene, sample: Sample, key: Constraint, persona: Persona) -> Finding | None:
    [column] = key.columns
    table = sample.table
    if column not in table.privileges[persona.role].update or not _is_asked(scene, sample, column):
        return None
    seen = measure(scene, persona, [table.name, key.target or ""])
    mine = [row for row in sample.rows if persona.id in row.owners]
    visible = seen.seen.get(sample.object, frozenset())
    known = {row.values[column] for row in sample.rows if row.key in visible}
    parents = {k[0] for k in seen.seen.get(key.target or "", frozenset()) if k}
    targets = {row.values[column] for row in sample.rows} - known - parents - {None}
    for row in mine:
        for value in sorted(filter(None, targets)):
            if found := _move(scene, sample, persona, row, (column, value)):
                return found
    return None


def _is_asked(scene: Scene, sample: Sample, column: str) -> bool:
    """Whether what others may read depends on the column."""
    policies = [p for p in scene.policies.get(sample.table.oid, ()) if p.command in ("select", "all")]
    return column in find_literals(text for policy in policies for _, text in policy.clauses).words


def _move(
    scene: Scene, sample: Sample, persona: Persona, row: Row, target: tuple[str, str]
) -> Finding | None:
    column, value = target
    where = statements.condition(sample.key, row.key)
    text = statements.update(sample.table, column, statements.literal(value), where=where)
    scope = f"select 1 from {sample.table.name} where {quoted(column)} = {statements.literal(value)}"
    others = [other for other in scene.users if other != persona]
    with scene.session.undone():
        if not run(scene.session, persona, text):
            return None
        after = {other: measure(scene, other, [sample.table.name]).seen for other in others}
    for other in others:
        with scene.session.undone(), scene.session.act_as(other):
            reads = scene.session.attempt(scope).rowcount > 0
        if reads and row.key in after[other].get(sample.object, frozenset()):
            look = f"select 1 from {sample.table.name} where {where}"
            policies = sample.table.privileges[persona.role].policies
            return Finding(
                rule=RULE,
                object=sample.object,
                columns=(column,),
                actions=("update",),
                who=tuple(p.name for p in scene.users),
                severity=Severity.MEDIUM,
                sentence=f"{persona.name} moves a row of {persona.name}'s own in {sample.table.name} "
                f"to another {column}, where {other.name} reads it and {persona.name} reads nothing.",
                steps=(
                    Step(who=persona, statement=scope, shows=NO_ROWS_SHOWN),
                    Step(who=other, statement=scope, shows=ROWS),
                    Step(who=persona, statement=text, shows=ROWS),
                    Step(who=other, statement=look, shows=ROWS),
                ),
                cause=f"own update {sample.object} {column}",
                about=(
                    *(
                        ObjectKey(kind="policy", object=sample.table.name, name=policy.name)
                        for policy in policies
                        if policy.command in ("update", "all")
                    ),
                    ObjectKey(kind="relation", object=sample.table.name, name=""),
                ),
                candidates=(
                    (f"revoke update ({quoted(column)}) on {sample.table.name} from {persona.role}",),
                ),
            )
    return None
