"""Withdrawn rows: a column by which owners mark rows, and which no policy asks for."""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.audit.model import ROWS, Finding, Severity, Step
from pgassay.audit.scene import Scene, run
from pgassay.audit.words import anyone, is_withdrawal
from pgassay.audit.writes import owner_columns
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column, ObjectKey, Policy
from pgassay.catalog.names import quoted
from pgassay.matrix.model import Action, RowClass
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import condition
from pgassay.observation import Outcome

RULE = "withdrawn"
_MOMENTS = ("timestamptz", "timestamp", "date")


def find(scene: Scene) -> Iterator[Finding]:
    """The name of such a column only says how likely it is meant so."""
    for sample in scene.samples:
        is_plain = sample.table.kind in "rp" and sample.object == sample.table.name
        if is_plain and sample.ownership and sample.table.secured:
            for column in sample.table.columns.values():
                if _marks(scene, sample, column) and (found := _try(scene, sample, column)):
                    yield found


def _marks(scene: Scene, sample: Sample, column: Column) -> bool:
    """A moment that is not there at first, or a truth value; no policy of the table asks for it."""
    is_mark = (
        column.base in _MOMENTS and not column.not_null and not column.default
    ) or column.base == "bool"
    policies: list[Policy] = list(scene.policies.get(sample.table.oid, ()))
    asked = find_literals(text for policy in policies for _, text in policy.clauses).words
    return is_mark and column.name not in asked


def _try(scene: Scene, sample: Sample, column: Column) -> Finding | None:
    value = "true" if column.base == "bool" else "now()"
    readers = []
    shown = None
    for persona in scene.people:
        rows = [row for row in sample.rows if persona.id not in row.owners and row.owners]
        with scene.session.undone():
            run(scene.session, None, f"update {sample.table.name} set {quoted(column.name)} = {value}")
            for row in rows:
                look = f"select 1 from {sample.table.name} where {condition(sample.key, row.key)}"
                with scene.session.act_as(persona):
                    if scene.session.attempt(look).rowcount > 0:
                        readers.append(persona)
                        shown = shown or (persona, look)
                        break
    if shown is None or not _is_everybodys(scene, sample, [p.name for p in readers]):
        return None
    likely = is_withdrawal(column)
    own = " or ".join(
        f"{quoted(name)} = (select auth.uid())"
        for name in sorted(owner_columns(sample))
        if sample.table.columns[name].base == "uuid"
    )
    test = f"{quoted(column.name)} is not true" if column.base == "bool" else f"{quoted(column.name)} is null"
    return Finding(
        rule=RULE,
        object=sample.object,
        columns=(column.name,),
        actions=("select",),
        who=tuple(persona.name for persona in readers),
        severity=Severity.MEDIUM if likely else Severity.INFO,
        sentence=f"{anyone(readers)} reads rows of others in {sample.table.name} whatever their "
        f"{column.name} is: no policy asks for it.",
        steps=(
            Step(statement=f"update {sample.table.name} set {quoted(column.name)} = {value}", shows=ROWS),
            Step(who=shown[0], statement=shown[1], shows=ROWS),
        ),
        cause=f"withdrawn {sample.object} {column.name}",
        about=(
            *(
                ObjectKey(kind="policy", object=sample.table.name, name=policy.name)
                for policy in scene.policies.get(sample.table.oid, ())
                if policy.command in ("select", "all")
            ),
            ObjectKey(kind="relation", object=sample.table.name, name=""),
        ),
        candidates=tuple(
            (f"alter policy {quoted(p.name)} on {p.table} using ({_and(p.using, test, own)})",)
            for p in scene.policies.get(sample.table.oid, ())
            if p.command == "select" and p.using
        ),
    )


def _and(using: str, test: str, own: str) -> str:
    """Owners go on to read their own."""
    whose = f"({test} or {own})" if own else test
    return whose if using == "true" else f"({using}) and {whose}"


def _is_everybodys(scene: Scene, sample: Sample, readers: list[str]) -> bool:
    """Whether a stranger reads such rows without any condition."""
    cells = (scene.cell(name, sample.object, Action.SELECT, "-", RowClass.OTHER) for name in readers)
    return any(cell and all(one.outcome is Outcome.ALLOWED for one in cell.results) for cell in cells)
