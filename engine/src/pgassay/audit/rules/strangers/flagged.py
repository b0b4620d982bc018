"""Policies that ask a row for a mark and nothing of who reads, and were to narrow: they open rows of others.

A row shows from the beginning, and its owner cannot hide it; what else the schema does speaks against that.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.audit.calls import callable_by, samples_of
from pgassay.audit.confirmation import plays
from pgassay.audit.meant import columns_of, is_open, speaks_against
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Severity, Step, Steps
from pgassay.audit.rules.strangers.secrets import is_of_the_row
from pgassay.audit.scene import Scene
from pgassay.audit.words import anyone, join, tells_of_a_person
from pgassay.audit.writes import insert_of, naming_columns, values_for
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column, ObjectKey, Policy
from pgassay.catalog.names import quoted
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import condition, literal
from pgassay.observation import Persona

_ROWS, _VALUES = 6, 6


def find_flagged(scene: Scene) -> Iterator[Finding]:
    """One finding for each table."""
    for sample in scene.samples:
        table = sample.table
        is_plain = table.kind in "rp" and table.secured and sample.object == table.name
        if is_plain and sample.ownership and scene.is_the_projects(table):
            shown = {p: steps for p in scene.users if (steps := _read(scene, sample, p))}
            if shown and set(scene.users) <= shown.keys():
                why = speaks_against(scene, sample, list(shown), published=True)
                if why:
                    yield _tell(sample, shown, why)


def _marking(sample: Sample, persona: Persona) -> dict[Policy, list[Column]]:
    """By policy what it asks of a row, where other policies ask who reads."""
    held = sample.table.privileges[persona.role].policies
    some = [p for p in held if p.permissive and p.command in ("select", "all") and p.using]
    marking = {
        p: [sample.table.columns[n] for n in sorted(columns_of(p.using or "") & sample.table.columns.keys())]
        for p in some
        if is_of_the_row(p.using or "") and not is_open(sample.table, p)
    }
    return marking if any(not is_of_the_row(p.using or "") for p in some) else {}


def _read(scene: Scene, sample: Sample, persona: Persona) -> Steps | None:
    """A row of somebody else as it begins; hidden once it is marked, which its owner cannot do."""
    for columns in _marking(sample, persona).values():
        names = {column.name for column in columns}
        begins = all(column.has_default or not column.not_null for column in columns)
        if not begins or names & naming_columns(sample) or _is_called(scene, sample, names):
            continue
        for row in [r for r in sample.rows if r.owners and persona.id not in r.owners][:_ROWS]:
            begun = ", ".join(f"{column.quoted} = default" for column in columns)
            it = condition(sample.key, row.key)
            steps = (
                Step(statement=f"update {sample.table.name} set {begun} where {it}", shows=ROWS),
                Step(who=persona, statement=f"select 1 from {sample.table.name} where {it}", shows=ROWS),
            )
            if plays(scene.session, steps):
                hiding = list(_hiding(scene, sample, columns, row, steps))
                if hiding and not any(_is_set(scene, sample, one) for one in hiding):
                    return steps
                break
    return None


def _hiding(
    scene: Scene, sample: Sample, columns: list[Column], row: Row, steps: Steps
) -> Iterator[tuple[Column, str]]:
    """Values with which the reader sees the row no more."""
    it = condition(sample.key, row.key)
    for column in columns:
        for value in values_for(scene, sample, column, besides=None)[:_VALUES]:
            text = f"update {sample.table.name} set {column.quoted} = {literal(value)} where {it}"
            hidden = Step(who=steps[-1].who, statement=steps[-1].statement, shows=NO_ROWS_SHOWN)
            if plays(scene.session, (*steps, Step(statement=text, shows=ROWS), hidden)):
                yield column, value


def _is_set(scene: Scene, sample: Sample, hiding: tuple[Column, str]) -> bool:
    """Whether a user hides a row of his own, or begins one so."""
    column, value = hiding
    for user in scene.users:
        for row in [row for row in sample.rows if user.id in row.owners][:_ROWS]:
            it = condition(sample.key, row.key)
            text = f"update {sample.table.name} set {column.quoted} = {literal(value)} where {it}"
            begun = insert_of(sample, user, row, **{column.name: value})
            for said in (text, *([begun.statement] if begun else ())):
                if plays(scene.session, (Step(who=user, statement=said, shows=ROWS),)):
                    return True
    return False


def _is_called(scene: Scene, sample: Sample, names: set[str]) -> bool:
    """Whether a function that users call may set it."""
    return any(
        function.volatility == "v" and names & find_literals([function.text]).words
        for user in scene.users[:1]
        for function in callable_by(scene, user)
        if sample in samples_of(scene, function)
    )


def _tell(sample: Sample, shown: dict[Persona, Steps], why: str) -> Finding:
    table = sample.table
    policies = dict.fromkeys(policy for persona in shown for policy in _marking(sample, persona))
    asked = sorted({c.name for persona in shown for some in _marking(sample, persona).values() for c in some})
    names = join(f'"{policy.name}"' for policy in policies)
    return Finding(
        rule="strangers",
        object=sample.object,
        actions=("select",),
        who=tuple(persona.name for persona in shown),
        severity=Severity.MEDIUM,
        sentence=f"{anyone(list(shown))} reads rows of others in {sample.object}: {names} lets them through "
        f"whoever reads, and owners cannot set {join(map(quoted, asked))}; {why}.",
        steps=next(iter(shown.values())),
        others=tuple(shown.values())[1:],
        cause=f"strangers {sample.object}",
        about=(*(p.key for p in policies), ObjectKey(kind="relation", object=table.name, name="")),
        weight=sum(map(tells_of_a_person, table.columns.values())),
    )
