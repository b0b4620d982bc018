"""Links: a row is read by whoever asks once it has a secret, which nobody has to say."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from pglast import parser
from pglast.enums import NullTestType
from pglast.stream import RawStream
from pglast.visitors import Visitor

from pgassay.audit.confirmation import plays
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Severity, Step, Steps
from pgassay.audit.scene import Scene
from pgassay.audit.words import anyone, is_address
from pgassay.audit.writes import owner_columns
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column, ObjectKey, Policy
from pgassay.catalog.names import quoted
from pgassay.catalog.tables import Table
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import TEXTS, condition, literal
from pgassay.observation import Persona

_SECRET = "5e0c0de5-0000-4000-8000-00000000000c"  # noqa: S105 - that of nobody


def find_links(scene: Scene) -> Iterator[Finding]:
    """One finding for each such column, by all who read so."""
    for sample in scene.samples:
        if sample.table.kind in "rp" and sample.table.secured and sample.object == sample.table.name:
            for column in _columns(scene, sample):
                shown = {p: steps for p in scene.people for steps in _tried(scene, sample, column, p)}
                if shown:
                    yield _tell(scene, sample, column, shown)


def _columns(scene: Scene, sample: Sample) -> Iterator[Column]:
    """Of which policies for SELECT ask whether they are there, and nothing else."""
    table = sample.table
    fixed = owner_columns(sample) | {name for key in table.foreign_keys for name in key.columns}
    alone = {index.columns[0] for index in table.unique if len(index.columns) == 1}
    policies = [p for p in scene.policies.get(table.oid, ()) if p.command in ("select", "all") and p.using]
    for column in table.columns.values():
        is_secret = column.base == "uuid" or (
            column.base in TEXTS and column.name in alone and not is_address(column)
        )
        texts = [p.using or "" for p in policies if column.name in find_literals([p.using or ""]).words]
        is_secret = is_secret and not column.not_null and column.name not in fixed
        if is_secret and texts and all(_asks_for_presence(text, column.name) for text in texts):
            yield column


def _asks_for_presence(text: str, name: str) -> bool:
    visitor = _Presence(name)
    visitor(parser.parse_sql(f"select {text}"))
    return visitor.asked == visitor.named


class _Presence(Visitor):
    """Counts how often a column is named, and how often to ask if it is not null; asks that `instead`."""

    def __init__(self, name: str, instead: Any = None) -> None:  # noqa: ANN401
        self._name, self._instead = name, instead
        self.named = self.asked = 0

    def visit_ColumnRef(self, _: object, node: Any) -> None:  # noqa: ANN401, N802
        self.named += getattr(node.fields[-1], "sval", "") == self._name

    def visit_NullTest(self, _: object, node: Any) -> Any:  # noqa: ANN401, N802
        fields = getattr(node.arg, "fields", None) or [None]
        is_it = getattr(fields[-1], "sval", "") == self._name
        is_it = is_it and node.nulltesttype == NullTestType.IS_NOT_NULL
        self.asked += is_it
        return self._instead if is_it else None


def _header(column: Column) -> str:
    return f"x-{column.name.replace('_', '-')}"


def _repair(table: Table, policies: Sequence[Policy], column: Column) -> tuple[str, ...]:
    """Whoever asks says the secret in a header of the request."""
    said = f"nullif(current_setting('request.headers', true), '')::json ->> {literal(_header(column))}"
    select: Any = parser.parse_sql(f"select {column.quoted}::text = ({said})")[0].stmt
    texts = []
    for policy in policies:
        changed: Any = parser.parse_sql(f"select {policy.using}")[0].stmt
        visitor = _Presence(column.name, select.targetList[0].val)
        visitor(changed)
        if visitor.asked:
            clause = RawStream()(changed.targetList[0].val)
            texts.append(f"alter policy {policy.quoted} on {table.name} using ({clause})")
    return tuple(texts)


def _keeps(steps: Steps, column: Column) -> Steps:
    """Who says the secret goes on to read the row."""
    *_, given, read = steps
    return (given, replace(read, headers=json.dumps({_header(column): _SECRET})))


def _tried(scene: Scene, sample: Sample, column: Column, persona: Persona) -> Iterator[Steps]:
    """A row of another's, without the secret and with one; the reader is told the secret, too."""
    if column.name not in sample.table.privileges[persona.role].select:
        return
    known = {persona.id, persona.claims.get("email")} - {None}
    rows: list[Row] = [row for row in sample.rows if row.owners or sample.ownership is None]
    for row in [r for r in rows if known.isdisjoint(r.owners or r.values.values())][:2]:
        where = condition(sample.key, row.key)
        change = f"update {sample.table.name} set {column.quoted} = {{}} where {where}"
        look = f"select {quoted(column.name)} from {sample.table.name} where {where}"
        steps = (
            Step(statement=change.format("null"), shows=ROWS),
            Step(who=persona, statement=look, shows=NO_ROWS_SHOWN),
            Step(statement=change.format(literal(_SECRET)), shows=ROWS),
            Step(who=persona, statement=look, shows=ROWS),
        )
        if plays(scene.session, steps):
            yield steps
            return


def _tell(scene: Scene, sample: Sample, column: Column, shown: dict[Persona, Steps]) -> Finding:
    table = sample.table
    policies = [p for p in scene.policies.get(table.oid, ()) if p.command in ("select", "all") and p.using]
    first, *others = shown.values()
    return Finding(
        rule="strangers",
        object=sample.object,
        columns=(column.name,),
        actions=("select",),
        who=tuple(persona.name for persona in shown),
        severity=Severity.MEDIUM,
        sentence=f"{anyone(list(shown))} lists the rows of others in {sample.object} that have a "
        f"{column.name}, and need not know it: a policy asks whether there is one.",
        steps=first,
        others=tuple(others),
        cause=f"strangers {sample.object}",
        about=(
            *(ObjectKey(kind="policy", object=table.name, name=p.name) for p in policies),
            ObjectKey(kind="relation", object=table.name, name=""),
        ),
        candidates=(_repair(table, policies, column),),
        exact=True,
        kept=tuple(_keeps(steps, column) for steps in shown.values()),
    )
