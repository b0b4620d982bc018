"""Repairs: candidates for each finding, tried on a fresh load before one is printed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import psycopg
from pglast import ast, parser
from pglast.enums import BoolExprType
from pglast.stream import RawStream

from pgassay.audit.confirmation import plays
from pgassay.audit.model import Finding, Repair, Severity
from pgassay.audit.scene import Scene, open_loaded, own_condition, run
from pgassay.audit.writes import owner_columns
from pgassay.catalog.model import Policy
from pgassay.catalog.names import quoted
from pgassay.catalog.tables import Table
from pgassay.database import Session
from pgassay.errors import ServerError
from pgassay.matrix.rows import Sample
from pgassay.observation import Persona

_MOST = 8
_WRITES = ("insert", "update", "delete")


def repair(scene: Scene, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Each finding with the first of its candidates that closes it and takes nothing from owners of rows."""
    if not any(_may_be_repaired(finding) for finding in findings):
        yield from findings
        return
    with open_loaded(scene.bench, scene.world) as session:
        for finding in findings:
            try:
                yield _repaired(scene, session, finding)
            except (psycopg.Error, ServerError):  # a statement ended the session
                if not session.connection.closed:
                    raise
                yield finding


def _repaired(scene: Scene, session: Session, finding: Finding) -> Finding:
    if not _may_be_repaired(finding):
        return finding
    scoped = [] if finding.exact else list(_scoped(scene, finding))
    # What is about columns, its rule knows to close with less.
    some = [*finding.candidates, *scoped] if finding.columns else [*scoped, *finding.candidates]
    for statements in list(dict.fromkeys(some))[:_MOST]:
        if statements and _closes(scene, session, finding, statements):
            tried = "tried: closes this, and owners keep their rows"
            return replace(finding, repair=Repair(statements=statements, tried=tried))
    return finding


def _may_be_repaired(finding: Finding) -> bool:
    return bool(finding.steps) and finding.severity is not Severity.INFO


def _closes(scene: Scene, session: Session, finding: Finding, statements: Sequence[str]) -> bool:
    sample = scene.sample_of.get(finding.object)
    before = _held(scene, session, sample, finding)
    with session.undone():
        if not all(run(session, None, text) for text in statements):
            return False
        if any(plays(session, steps) for steps in (finding.steps, *finding.others)):
            return False
        if not all(plays(session, steps) for steps in finding.kept):
            return False
        after = _held(scene, session, sample, finding)
    return all(now >= was for was, now in zip(before, after, strict=True))


def _held(scene: Scene, session: Session, sample: Sample | None, finding: Finding) -> list[int]:
    """How many rows of its own each user reads, changes and removes; how many it reads, if that is right."""
    if sample is None:
        return []
    # Where an own DELETE is what is wrong, it may go.
    left_out = f"delete from {sample.table.name} " if finding.exact and "delete" in finding.actions else " "
    texts = {
        persona: [
            text
            for text in _own_statements(sample, persona, finding.columns)
            if not text.startswith(left_out)
        ]
        for persona in scene.users
    }
    if "select" not in finding.actions:
        for some in texts.values():
            some.append(f"select 1 from {sample.table.name}")
    return [_count(session, persona, text) for persona, some in texts.items() for text in some]


def _own_statements(sample: Sample, persona: Persona, told: Sequence[str]) -> Iterator[str]:
    """Reads and writes of own rows; where another column is left to change, not those that are `told` of."""
    if sample.ownership is None:
        return
    table, own = sample.table, own_condition(sample, persona)
    yield f"select 1 from {table.name} as t where {own}"
    if table.kind in "rp":
        held = table.privileges[persona.role]
        free = [c for c in table.columns.values() if c.name in held.update and not c.generated]
        if column := next((c for c in sorted(free, key=lambda c: c.name in told)), None):
            yield f"update {table.name} as t set {column.quoted} = {column.quoted} where {own}"
        yield f"delete from {table.name} as t where {own}"


def _count(session: Session, persona: Persona, text: str) -> int:
    with session.undone(), session.act_as(persona):
        return max(session.attempt(text).rowcount, 0)


def _scoped(scene: Scene, finding: Finding) -> Iterator[tuple[str, ...]]:
    """Policies with the condition that others of the same table have, or that the row is the caller's."""
    sample = scene.sample_of.get(finding.object)
    if sample is None:
        return
    if not sample.table.secured:
        yield from _secured(sample)
        return
    policies = scene.policies.get(sample.table.oid, [])
    named = {key.name for key in finding.about if key.kind == "policy"}
    wide = [policy for policy in policies if policy.name in named and policy.permissive]
    for condition in dict.fromkeys(c for policy in wide for c in _conditions(sample, policy, policies)):
        if texts := tuple(filter(None, (_narrowed(sample.table, p, condition, finding) for p in wide))):
            yield texts


def _secured(sample: Sample) -> Iterator[tuple[str, ...]]:
    """Row level security, and a policy with which everybody has the own rows."""
    table, ownership = sample.table, sample.ownership
    if table.kind in "rp" and ownership and (paths := ownership.spelled(quoted(table.relation))):
        own = " or ".join(f"{path} = (select auth.uid())" for path in paths)
        yield (
            f"alter table {table.name} enable row level security",
            f"create policy {quoted('own rows')} on {table.name} to authenticated using ({own})",
        )


def _conditions(sample: Sample, policy: Policy, policies: Sequence[Policy]) -> list[str]:
    own = [
        f"{quoted(name)} = (select auth.uid())"
        for name in sorted(owner_columns(sample))
        if sample.table.columns[name].base == "uuid"
    ]
    siblings = [
        text
        for other in policies
        if other is not policy
        for _, clause in other.clauses
        for text in (clause, *_alternatives(clause))
        if text not in ("true", "false", policy.using, policy.check)
    ]
    return list(dict.fromkeys([*siblings, *own]))


def _alternatives(clause: str) -> list[str]:
    """What OR joins."""
    select: Any = parser.parse_sql(f"select {clause}")[0].stmt
    node = select.targetList[0].val
    is_or = isinstance(node, ast.BoolExpr) and node.boolop == BoolExprType.OR_EXPR
    return [RawStream()(one) for one in node.args] if is_or else []


def _narrowed(table: Table, policy: Policy, condition: str, finding: Finding) -> str:
    if condition in (policy.using, policy.check):
        return ""
    writes = [action for action in finding.actions if action in _WRITES]
    clauses = []
    if policy.using is not None and (set(finding.actions) - {"insert"}):
        clauses.append(f"using ({_and(policy.using, condition)})")
    if policy.command != "select" and writes and policy.command != "delete":
        check = policy.check or policy.using or "true"
        clauses.append(f"with check ({_and(check, condition)})")
    if not clauses:
        return ""
    return f"alter policy {quoted(policy.name)} on {table.name} {' '.join(clauses)}"


def _and(former: str, condition: str) -> str:
    return condition if former == "true" else f"({former}) and ({condition})"
