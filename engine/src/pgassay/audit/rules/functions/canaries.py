"""Canaries: texts that rows leave out, which can be recognized wherever they turn up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pgassay.audit.scene import Scene
from pgassay.audit.writes import naming_columns
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Constraint, Policy
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import condition, literal


def with_canaries(scene: Scene, samples: Sequence[Sample]) -> tuple[tuple[str, ...], list[Sample]]:
    """The owner's statements, and the samples as they are then; none where no text is null."""
    setup: list[str] = []
    found = []
    for sample in samples:
        columns = _columns(scene, sample) if sample.object == sample.table.name else []
        rows = []
        for row in sample.rows:
            values = {
                n: f"{sample.table.relation}.{n} {row.key[0]}" for n in columns if row.values[n] is None
            }
            if values:
                sets = ", ".join(
                    f"{sample.table.columns[n].quoted} = {literal(v)}" for n, v in values.items()
                )
                setup.append(f"update {sample.table.name} set {sets} where {condition(sample.key, row.key)}")
            rows.append(replace(row, values={**row.values, **values}))
        found.append(replace(sample, rows=tuple(rows)))
    return tuple(setup), found


def _columns(scene: Scene, sample: Sample) -> list[str]:
    """Free texts: no policy, CHECK or key looks at them."""
    table = sample.table
    fixed = naming_columns(sample)
    checks = scene.catalog.parts(Constraint).get(table.oid, ())
    texts = [c.definition for c in checks if c.type == "c"]
    texts += [text for policy in scene.catalog.of(Policy) for _, text in policy.clauses]
    fixed |= find_literals(texts).words
    return [
        c.name for c in table.columns.values() if c.base == "text" and not c.generated and c.name not in fixed
    ]
