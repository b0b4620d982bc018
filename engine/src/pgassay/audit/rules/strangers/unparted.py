"""Policies that compare who asks with a column of the row, and yet let every row through to everybody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pglast import ast, parser
from pglast.visitors import Visitor

from pgassay.audit.asking import asks_who_calls
from pgassay.audit.confirmation import plays
from pgassay.audit.meant import is_open, reaches_all
from pgassay.audit.model import ROWS, Finding, Severity, Step, Steps
from pgassay.audit.reach import measure_seen
from pgassay.audit.scene import Scene
from pgassay.audit.words import anyone, join, tells_of_a_person
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import ObjectKey, Policy
from pgassay.catalog.names import quoted
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import condition
from pgassay.observation import Persona
from pgassay.solver.obstacles import PRESENT

_NOBODY = {"sub": "5e0c0de5-0000-4000-8000-0000000000ff", "email": "nobody@nowhere.invalid"}
_OF_CALLERS = frozenset(("uid", "jwt", "email", "current_setting"))


def find_unparted(scene: Scene) -> Iterator[Finding]:
    """One finding for each table; foreign keys need not say whose its rows are."""
    for sample in scene.samples:
        table = sample.table
        is_plain = table.kind in "rp" and table.secured and sample.object == table.name
        if not is_plain or not sample.rows or not scene.is_the_projects(table):
            continue
        policies = [
            p for p in scene.policies.get(table.oid, ()) if p.command in ("select", "all") and p.using
        ]
        parting = {p: columns for p in policies if p.permissive and (columns := _compared(scene, sample, p))}
        is_wide = any(is_open(table, policy) for policy in policies)
        if parting and not (is_wide and sample.ownership) and _nobody_reads_all(scene, sample):
            # What is for all to read may have a policy for writes besides.
            is_meant = is_wide and all(policy.command == "all" for policy in parting)
            yield from _find(scene, sample, parting, Severity.INFO if is_meant else Severity.MEDIUM)


def _find(
    scene: Scene, sample: Sample, parting: dict[Policy, frozenset[str]], severity: Severity
) -> Iterator[Finding]:
    columns = frozenset[str]().union(*parting.values())
    shown = {p: steps for p in scene.people if (steps := _read(scene, sample, p, columns))}
    if not set(scene.users) <= shown.keys():
        return
    names = join(f'"{policy.name}"' for policy in parting)
    yield Finding(
        rule="strangers",
        object=sample.object,
        actions=("select",),
        who=tuple(persona.name for persona in shown),
        severity=severity,
        sentence=f"{anyone(list(shown))} reads all rows in {sample.object}: {names} compares who asks with "
        f"{join(map(quoted, sorted(columns)))}, and whoever it is, every row is let through.",
        steps=next(iter(shown.values())),
        others=tuple(shown.values())[1:],
        cause=f"strangers {sample.object}",
        about=(
            *(policy.key for policy in parting),
            ObjectKey(kind="relation", object=sample.table.name, name=""),
        ),
        weight=sum(map(tells_of_a_person, sample.table.columns.values())),
    )


def _nobody_reads_all(scene: Scene, sample: Sample) -> bool:
    """Whether one with an id and an address that stand nowhere reads all, whatever rows say."""
    user = scene.users[0] if scene.users else None
    if user is None:
        return False
    nobody = replace(user, claims={**user.claims, **_NOBODY})
    seen = measure_seen(scene, nobody, [sample.table.name]).seen.get(sample.object, frozenset())
    return {row.key for row in sample.rows} <= seen and reaches_all(scene, sample, nobody, "select")


def _read(scene: Scene, sample: Sample, persona: Persona, columns: frozenset[str]) -> Steps | None:
    """A row that names somebody else."""
    known = {persona.id, str(persona.claims.get("email", "")), None}
    theirs: list[Row] = [
        row
        for row in sample.rows
        if not row.owners & {persona.id} and all(row.values[name] not in known for name in columns)
    ]
    for row in theirs[:1]:
        look = f"select 1 from {sample.table.name} where {condition(sample.key, row.key)}"
        steps = (Step(who=persona, statement=look, shows=ROWS),)
        if plays(scene.session, steps):
            return steps
    return None


def _compared(scene: Scene, sample: Sample, policy: Policy) -> frozenset[str]:
    """The columns of the row that it compares with who asks; none where it asks other rows, or the time."""
    text = policy.using or ""
    if not PRESENT.isdisjoint(find_literals([text]).words):
        return frozenset()
    visitor = _Comparisons(scene)
    visitor(parser.parse_sql(f"select {text}"))
    return frozenset() if visitor.reads else frozenset(visitor.columns & sample.table.columns.keys())


class _Parts(Visitor):
    """The columns and functions that are named within an expression."""

    def __init__(self) -> None:
        self.columns: set[str] = set()
        self.functions: set[str] = set()

    def visit_ColumnRef(self, _: object, node: Any) -> None:  # noqa: ANN401, N802
        self.columns.add(getattr(node.fields[-1], "sval", ""))

    def visit_FuncCall(self, _: object, node: Any) -> None:  # noqa: ANN401, N802
        self.functions.add(node.funcname[-1].sval)


def _parts(node: Any) -> _Parts:  # noqa: ANN401
    visitor = _Parts()
    if isinstance(node, ast.Node | tuple):
        visitor(node)
    return visitor


class _Comparisons(Visitor):
    """Collects the columns that stand opposite to who asks; `reads`: whether it asks other rows."""

    def __init__(self, scene: Scene) -> None:
        self.columns: set[str] = set()
        self.reads = False
        self._ours = {f.name: f for f in scene.functions.values() if scene.is_ours(f)}
        self._scene = scene

    def visit_RangeVar(self, _: object, __: Any) -> None:  # noqa: ANN401, N802
        self.reads = True

    def visit_FuncCall(self, _: object, node: Any) -> None:  # noqa: ANN401, N802
        if function := self._ours.get(node.funcname[-1].sval):
            reach = self._scene.inventory.reach(function.function)
            self.reads |= not reach.isdisjoint(sample.table.name for sample in self._scene.samples)

    def visit_A_Expr(self, _: object, node: Any) -> None:  # noqa: ANN401, N802
        self._compare(node.lexpr, node.rexpr)

    def visit_SubLink(self, _: object, node: Any) -> None:  # noqa: ANN401, N802
        if node.testexpr is not None:
            self._compare(node.testexpr, node.subselect)

    def _compare(self, left: Any, right: Any) -> None:  # noqa: ANN401
        one, other = _parts(left), _parts(right)
        for caller, row in ((one, other), (other, one)):
            if self._is_caller(caller) and not caller.columns and not self._is_caller(row):
                self.columns |= row.columns

    def _is_caller(self, parts: _Parts) -> bool:
        ours = [self._ours[name] for name in parts.functions if name in self._ours]
        asks = any(asks_who_calls(self._scene, function) for function in ours)
        return asks or not _OF_CALLERS.isdisjoint(parts.functions)
