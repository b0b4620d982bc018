"""How far a persona reaches: which rows it sees, and how many it could change or remove."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from pgassay.audit.scene import Scene, key_expression
from pgassay.catalog.names import quoted
from pgassay.catalog.tables import Table
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import condition, literal
from pgassay.observation import Persona

Keys = frozenset[tuple[str | None, ...]]


@dataclass(frozen=True, kw_only=True)
class Reach:
    """By object: the keys of the rows that are seen; how many rows a write without WHERE reaches."""

    seen: Mapping[str, Keys]
    written: Mapping[tuple[str, str], int]


def measure(scene: Scene, persona: Persona | None, only: Collection[str] | None = None) -> Reach:
    """Of a persona as things are now; of everything, or `only` of these tables."""
    asked = [
        (sample, verb, text)
        for sample in scene.samples
        if only is None or sample.table.name in only
        for verb, text in _questions(sample, persona, is_heavy=sample.object in scene.heavy)
    ]
    role = persona.role if persona else ""
    answers = scene.ask(persona, [[scene.planned(text, role) if role else text] for _, _, text in asked])
    seen: dict[str, Keys] = {}
    written: dict[tuple[str, str], int] = {}
    for (sample, verb, _), answer in zip(asked, answers, strict=True):
        if answer.sqlstate:
            continue
        if verb == "select":
            seen[sample.object] = frozenset(answer.rows[0])
        else:
            written[sample.object, verb] = answer.counts[0]
    return Reach(seen=seen, written=written)


def count_written(
    scene: Scene, persona: Persona, sample: Sample, keys: Collection[tuple[str | None, ...]]
) -> dict[str, int]:
    """How many of the rows with these keys a persona could change and remove, by verb."""
    asked = [
        question
        for key in keys
        for question in _questions(sample, persona, f" where {condition(sample.key, key)}")
    ]
    answers = scene.ask(persona, [[text] for _, text in asked])
    found = dict.fromkeys(("update", "delete"), 0)
    for (verb, _), answer in zip(asked, answers, strict=True):
        if verb in found and not answer.sqlstate:
            found[verb] += answer.counts[0]
    return found


def _questions(
    sample: Sample, persona: Persona | None, where: str = "", *, is_heavy: bool = False
) -> Iterator[tuple[str, str]]:
    table, key = sample.table, sample.key
    where = where or _where(sample)
    yield "select", f"select {key_expression(key)} from {table.name}{where}"
    if persona is None or table.kind not in "rp":
        return
    held = table.privileges[persona.role]
    if column := next((name for name in _plain(table) if name in held.update), ""):
        yield "update", f"update {table.name} set {quoted(column)} = {quoted(column)}{where}"
    if held.delete and not is_heavy:
        yield "delete", f"delete from {table.name}{where}"


def _plain(table: Table) -> Iterator[str]:
    return (c.name for c in table.columns.values() if not c.generated and c.identity != "a")


def _where(sample: Sample) -> str:
    if sample.object == sample.table.name:
        return ""
    bucket = sample.object[len(sample.table.name) + 1 : -1]
    return f" where bucket_id = {literal(bucket)}"
