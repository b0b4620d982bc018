"""Terms: moments from which on something is to be over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pgassay.audit.scene import Scene
from pgassay.audit.words import is_end
from pgassay.catalog.model import Column, Function, Policy, Relation
from pgassay.matrix.rows import Sample

_MOMENTS = ("timestamptz", "timestamp", "date")
_NOW = (
    r"\(?\s*(?:select\s+)?(?:pg_catalog\.)?(?:now\s*\(|current_timestamp|current_date|clock_timestamp\s*\()"
)


@dataclass(frozen=True, kw_only=True)
class Term:
    """A column with such a moment, and the schema owner's statements that let it be over, or far away."""

    sample: Sample
    column: Column

    def _set(self, value: str) -> str:
        return f"update {self.sample.table.name} as t set {self.column.quoted} = {value}"

    @property
    def over(self) -> str:
        return self._set("now() - interval '1 second'")

    @property
    def far(self) -> str:
        return self._set("now() + interval '1 year'")


def find_terms(scene: Scene) -> Iterator[Term]:
    """What begins in the future, is compared with the present, or is called so."""
    texts = [
        *(text for policy in scene.catalog.of(Policy) for _, text in policy.clauses),
        *(f.text for f in scene.catalog.of(Function) if scene.is_ours(f)),
        *(r.definition for r in scene.catalog.of(Relation) if r.definition),
    ]
    for sample in scene.samples:
        if sample.table.kind not in "rp" or sample.object != sample.table.name:
            continue
        for column in sample.table.columns.values():
            if column.base in _MOMENTS and not column.generated and _is_term(scene, column, texts):
                yield Term(sample=sample, column=column)


def _is_term(scene: Scene, column: Column, texts: list[str]) -> bool:
    if column.default:
        [answer] = scene.ask(None, [[f"select ({column.default}) > now() + interval '1 minute'"]])
        if not answer.sqlstate and answer.rows[0][0][0] in ("t", "true"):
            return True
    name = rf'"?\b{re.escape(column.name)}\b"?'
    compared = re.compile(
        rf"{name}\s*[<>]=?\s*{_NOW}|{_NOW}[^<>]{{0,12}}[<>]=?\s*(?:\w+\.)?{name}", re.IGNORECASE
    )
    return is_end(column) or any(compared.search(text) for text in texts)
