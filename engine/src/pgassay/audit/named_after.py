"""Names of rows that a persona does not see, after which channels and folders are called."""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.audit.calls import hidden_rows
from pgassay.audit.reach import Reach
from pgassay.audit.scene import Scene
from pgassay.audit.writes import owner_columns
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import TEXTS
from pgassay.observation import Persona


def hidden_names(
    scene: Scene, persona: Persona, seen: Reach, within: frozenset[str]
) -> Iterator[tuple[str, Sample, Row]]:
    """Of rows of others in these tables; none that a row which is seen has, too."""
    known = _known(scene, seen)
    for sample in scene.samples:
        if sample.table.name in within:
            for value, row in _names(sample, persona, seen):
                if value not in known:
                    yield value, sample, row


def _known(scene: Scene, seen: Reach) -> set[str | None]:
    """Whatever names a row that is seen."""
    return {
        value
        for sample in scene.samples
        for row in sample.rows
        if row.key in seen.seen.get(sample.object, frozenset())
        for value in row.values.values()
    }


def _names(sample: Sample, persona: Persona, seen: Reach) -> Iterator[tuple[str, Row]]:
    """Of rows of others that the persona does not see: unique texts, keys, and what they refer to."""
    table = sample.table
    sets = [*(index.columns for index in table.unique), *(key.columns for key in table.foreign_keys)]
    alone = dict.fromkeys(
        name
        for some in sets
        for name in some
        if name not in owner_columns(sample) and (len(some) == 1 or table.columns[name].base not in TEXTS)
    )
    mine = [row for row in sample.rows if persona.id in row.owners]
    for name in sorted(alone, key=lambda name: table.columns[name].base not in TEXTS):
        own = {row.values[name] for row in mine}
        for row in _foreign(sample, persona, seen):
            value = row.values[name]
            is_long = value and (table.columns[name].base not in TEXTS or len(value) > 1)
            if value and is_long and value not in own:
                yield value, row


def _foreign(sample: Sample, persona: Persona, seen: Reach) -> list[Row]:
    return [row for row in hidden_rows(sample, seen) if persona.id not in row.owners]
