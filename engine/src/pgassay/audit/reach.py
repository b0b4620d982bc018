"""How far a persona reaches: which rows it sees, and how many it could change or remove."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pgassay.audit.scene import Scene
from pgassay.catalog.names import quoted
from pgassay.catalog.tables import Table
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import condition
from pgassay.observation import Persona

Keys = frozenset[tuple[str | None, ...]]


@dataclass(frozen=True, kw_only=True)
class Reach:
    """By object: the keys of the rows that are seen; how many rows a write without WHERE reaches."""

    seen: Mapping[str, Keys]
    written: Mapping[tuple[str, str], int]


def measure_seen(scene: Scene, persona: Persona | None, only: Collection[str] | None = None) -> Reach:
    """What a persona sees as things are now, of everything, or `only` of these tables; nothing is written."""
    return Reach(seen=_look(scene, persona, _samples(scene, only)), written={})


def measure(scene: Scene, persona: Persona | None, only: Collection[str] | None = None) -> Reach:
    """What a persona sees and writes as things are now: of everything, or `only` of these tables."""
    samples = _samples(scene, only)
    asked = [
        (sample, verb, text)
        for sample in samples
        for verb, text in _writes(sample, persona, is_heavy=sample.object in scene.heavy)
    ]
    answers = scene.ask(persona, [[_planned(scene, persona, [one], text)] for one, _, text in asked])
    written = {
        (sample.object, verb): answer.counts[0]
        for (sample, verb, _), answer in zip(asked, answers, strict=True)
        if not answer.sqlstate
    }
    return Reach(seen=_look(scene, persona, samples), written=written)


def _samples(scene: Scene, only: Collection[str] | None) -> list[Sample]:
    return [sample for sample in scene.samples if only is None or sample.table.name in only]


def _look(scene: Scene, persona: Persona | None, samples: Sequence[Sample]) -> dict[str, Keys]:
    """The keys of the rows that are seen: by two queries, or by as many where one of them is refused.

    What was refused is asked by itself from then on.
    """
    refused = scene.refused.setdefault(persona.name if persona else "", set())
    asked = [sample for sample in samples if sample.object not in refused]
    apart = [sample for sample in samples if sample.object in refused]
    seen = _one_by_one(scene, persona, apart, refused)
    for is_planned in (True, False):
        if some := [one for one in asked if (one.table.name not in scene.unplanned) == is_planned]:
            seen |= _together(scene, persona, some) or _one_by_one(scene, persona, some, refused)
    return seen


def _together(scene: Scene, persona: Persona | None, samples: Sequence[Sample]) -> dict[str, Keys] | None:
    width = max(len(sample.key) or 1 for sample in samples)
    text = " union all ".join(
        f"select {number}, {_keys(sample, width)} from {sample.table.name}{sample.where}"
        for number, sample in enumerate(samples)
    )
    scene.work.spend(len(samples) - 1)  # it does as much as a query of each
    [answer] = scene.ask(persona, [[_planned(scene, persona, samples, text)]])
    if answer.sqlstate:
        return None
    found: dict[str, set[tuple[str | None, ...]]] = {sample.object: set() for sample in samples}
    for number, *key in answer.rows[0]:
        sample = samples[int(number or 0)]
        found[sample.object].add(tuple(key[: len(sample.key) or 1]))
    return {name: frozenset(keys) for name, keys in found.items()}


def _one_by_one(
    scene: Scene, persona: Persona | None, samples: Sequence[Sample], refused: set[str]
) -> dict[str, Keys]:
    """Adds to what is `refused`."""
    texts = [f"select {_keys(sample)} from {sample.table.name}{sample.where}" for sample in samples]
    asked = [[_planned(scene, persona, [sample], text)] for sample, text in zip(samples, texts, strict=True)]
    pairs = list(zip(samples, scene.ask(persona, asked), strict=True))
    failed = [sample.object for sample, answer in pairs if answer.sqlstate]
    refused.update(failed or [sample.object for sample in samples])  # or it is too much at once
    return {sample.object: frozenset(answer.rows[0]) for sample, answer in pairs if not answer.sqlstate}


def _planned(scene: Scene, persona: Persona | None, samples: Sequence[Sample], text: str) -> str:
    is_planned = persona is not None and scene.unplanned.isdisjoint(one.table.name for one in samples)
    return scene.planned(text, persona.role) if persona and is_planned else text


def count_written(
    scene: Scene, persona: Persona, sample: Sample, keys: Collection[tuple[str | None, ...]]
) -> dict[str, int]:
    """How many of the rows with these keys a persona could change and remove, by verb."""
    asked = [
        question
        for key in keys
        for question in _writes(sample, persona, f" where {condition(sample.key, key)}")
    ]
    answers = scene.ask(persona, [[text] for _, text in asked])
    found = dict.fromkeys(("update", "delete"), 0)
    for (verb, _), answer in zip(asked, answers, strict=True):
        if not answer.sqlstate:
            found[verb] += answer.counts[0]
    return found


def _writes(
    sample: Sample, persona: Persona | None, where: str = "", *, is_heavy: bool = False
) -> Iterator[tuple[str, str]]:
    table, where = sample.table, where or sample.where
    if persona is None or table.kind not in "rp":
        return
    held = table.privileges[persona.role]
    if column := next((name for name in _plain(table) if name in held.update), ""):
        yield "update", f"update {table.name} set {quoted(column)} = {quoted(column)}{where}"
    if held.delete and not is_heavy:
        yield "delete", f"delete from {table.name}{where}"


def _keys(sample: Sample, width: int = 0) -> str:
    """As columns of text, as many as the longest key has."""
    own = [f"{quoted(name)}::text" for name in sample.key] or ["'1'"]
    return ", ".join(own + ["null::text"] * (width - len(own)))


def _plain(table: Table) -> Iterator[str]:
    return (c.name for c in table.columns.values() if not c.generated and c.identity != "a")
