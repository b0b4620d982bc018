"""What views ask otherwise in HEAD, and what a solution lets somebody try. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pgassay.diff.asked import Asked, Scene
from pgassay.diff.probes import SearchProbe, probe_scan
from pgassay.diff.queries import contrast
from pgassay.diff.questions import read_query
from pgassay.matrix.rows import Sample
from pgassay.matrix.subject import make_subjects
from pgassay.observation import Persona
from pgassay.solver.model import Condition, Source


def find_views(scene: Scene) -> Iterator[AskedView]:
    """Views of the API that both sides have."""
    for sample in scene.samples:
        table, before = sample.table, scene.schemas.base.get(sample.table.name)
        if table.kind not in "vm" or not table.reachable or before is None:
            continue
        former = scene.schemas.former.rename(before.definition or "")
        privileges = table.privileges.items()
        for departure in contrast(read_query(former), read_query(table.definition or "")):
            yield AskedView(
                condition=Condition(
                    text=departure.text,
                    source=Source.VIEW,
                    name=table.name,
                    asks="" if table.invoker else table.owner,
                ),
                changes=scene.near(table.name),
                roles=tuple(role for role, held in privileges if held.select and held.usage),
                texts=scene.texts(table.name),
                sample=sample,
            )


@dataclass(frozen=True, kw_only=True)
class AskedView(Asked):
    """Of the rows of a view."""

    sample: Sample

    def probe(self, persona: Persona, *_: object) -> Iterator[SearchProbe]:
        [subject] = make_subjects([self.sample], [persona])
        yield from (replace(one, bare=False) for one in probe_scan(subject))
