"""Secrets in rows that are for all to read: by the name of a column, a read that somebody may have meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pglast import parser
from pglast.visitors import Visitor

from pgassay.audit.meant import is_open
from pgassay.audit.model import ROWS, Finding, Severity, Step, Steps
from pgassay.audit.ranks import ranked_policies
from pgassay.audit.reach import measure_seen
from pgassay.audit.scene import Scene
from pgassay.audit.words import anyone, is_credential, join
from pgassay.catalog.model import Column, ObjectKey, Policy
from pgassay.catalog.names import quoted
from pgassay.matrix.model import Action
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import condition, literal
from pgassay.observation import Persona
from pgassay.solver.obstacles import CLOCK

_OF_NOBODY = {*CLOCK, "lower", "coalesce"}


def find_secrets(scene: Scene) -> Iterator[Finding]:
    """One finding for each table, with all such columns."""
    for sample in scene.samples:
        table = sample.table
        is_plain = table.kind in "rp" and table.secured and sample.object == table.name
        columns = [c for c in table.columns.values() if is_credential(c)]
        if is_plain and columns and scene.is_the_projects(table):
            shown = {
                (persona, column): steps
                for persona in scene.people
                for column in columns
                if (steps := _read(scene, sample, persona, column))
            }
            if shown:
                yield _tell(scene, sample, shown)


def _read(scene: Scene, sample: Sample, persona: Persona, column: Column) -> Steps | None:
    """A row that is not the persona's own, and that it reads as everybody does."""
    held = sample.table.privileges[persona.role]
    if column.name not in held.select or not (persona.id is None or _policies(scene, sample, persona)):
        return None
    seen = measure_seen(scene, persona, [sample.table.name]).seen.get(sample.object, ())
    for row in [row for row in sample.rows if row.key in seen and persona.id not in row.owners][:1]:
        return _steps(sample, row, persona, column)
    return None


def _steps(sample: Sample, row: Row, persona: Persona, column: Column) -> Steps:
    where = condition(sample.key, row.key)
    value = row.values[column.name] or row.changed[column.name]
    said = f"update {sample.table.name} set {column.quoted} = {literal(value)} where {where}"
    look = f"select {column.quoted} from {sample.table.name} where {where} and {column.quoted} is not null"
    given = () if row.values[column.name] else (Step(statement=said, shows=ROWS),)
    return (*given, Step(who=persona, statement=look, shows=ROWS))


def _policies(scene: Scene, sample: Sample, persona: Persona) -> list[Policy]:
    """Those that let rows through whoever reads; who has a rank reads more by others, and rightly."""
    held = sample.table.privileges[persona.role].policies
    some = [p for p in held if p.permissive and p.command in ("select", "all") and p.using]
    some = [p for p in some if is_open(sample.table, p) or is_of_the_row(p.using or "true")]
    ranked = ranked_policies(scene, sample, persona) if some else ()
    return [p for p in some if p.name not in ranked]


def is_of_the_row(expression: str) -> bool:
    """Whether it asks for nothing but what the row says, and the time."""
    visitor = _Callers()
    visitor(parser.parse_sql(f"select {expression}"))
    return not visitor.asks


class _Callers(Visitor):
    """Whether anything may depend on who asks."""

    def __init__(self) -> None:
        self.asks = False

    def visit_FuncCall(self, _: object, node: Any) -> None:  # noqa: ANN401, N802
        self.asks |= node.funcname[-1].sval not in _OF_NOBODY

    def visit_SubLink(self, _: object, __: Any) -> None:  # noqa: ANN401, N802
        self.asks = True

    def visit_SQLValueFunction(self, _: object, node: Any) -> None:  # noqa: ANN401, N802
        self.asks |= "USER" in node.op.name or "ROLE" in node.op.name


def _tell(scene: Scene, sample: Sample, shown: dict[tuple[Persona, Column], Steps]) -> Finding:
    table = sample.table
    people = list(dict.fromkeys(persona for persona, _ in shown))
    columns = tuple(dict.fromkeys(column.name for _, column in shown))
    policies = [
        p
        for p in scene.policies.get(table.oid, ())
        if p.command in (Action.SELECT.value, "all") and p.permissive
    ]
    roles = ", ".join(dict.fromkeys(persona.role for persona in people))
    left = [c for c in table.columns.values() if c.name not in columns]
    read = ", ".join(c.quoted for c in left if all(c.name in table.privileges[p.role].select for p in people))
    first, *others = shown.values()
    narrowed = (
        f"revoke select on {table.name} from {roles}",
        f"grant select ({read}) on {table.name} to {roles}",
    )
    return Finding(
        rule="strangers",
        object=sample.object,
        columns=columns,
        actions=("select",),
        who=tuple(persona.name for persona in people),
        severity=Severity.MEDIUM,
        sentence=f"{anyone(people)} reads {join(map(quoted, columns))} in rows of {table.name} that are for "
        "all to see, and by the name it is a secret.",
        steps=first,
        others=tuple(others),
        cause=f"strangers {sample.object}",
        about=(*(p.key for p in policies), ObjectKey(kind="relation", object=table.name, name="")),
        candidates=(narrowed,) if read else (),
        exact=True,
    )
