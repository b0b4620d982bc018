"""Moments from which on something may be seen: by their names, and by what publishes the row beside them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from pgassay.audit.scene import Scene, run
from pgassay.audit.words import is_end, is_stop, split
from pgassay.audit.writes import naming_columns, values_for
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import TEXTS, literal
from pgassay.observation import Persona

_VALUES = 8
# Not "published": that says when something was.
_CLEAR = frozenset(
    (
        *("publish", "publishes", "embargo", "embargoed", "scheduled", "visible", "reveal", "reveals"),
        *("unlock", "unlocks", "appear", "appears", "shown"),
    )
)
# What says so where something else publishes the row, and when something takes place elsewhere.
_VAGUE = frozenset(
    (
        *("release", "releases", "live", "available", "open", "opens", "show", "shows", "showing"),
        *("display", "displays", "public", "drop", "drops", "launch", "launches", "surfaces", "airs"),
        *("goes", "go", "comes", "rolls", "announce", "announces"),
    )
)
_DAYS = frozenset(("date", "day"))


class Said(Enum):
    """What the name of a moment says."""

    CLEARLY = "that something is seen from then on"
    VAGUELY = "so, or when something takes place"
    NOTHING = "nothing of the kind"


def name_says(column: Column) -> Said:
    """A day says more often when something is."""
    words = frozenset(split(column.name))
    is_day = column.base == "date"
    if (is_end(column) or is_stop(column)) and "embargo" not in words:
        return Said.NOTHING
    if not words.isdisjoint(_CLEAR):
        return Said.VAGUELY if is_day else Said.CLEARLY
    if not words.isdisjoint(_VAGUE) and words.isdisjoint(_DAYS) and not is_day:
        return Said.VAGUELY
    return Said.NOTHING


def publishes(scene: Scene, sample: Sample, texts: Iterable[str], persona: Persona, look: str) -> bool:
    """Whether a truth value or a state that `texts` name decides if a stranger's `look` shows the row."""
    table = sample.table
    asked = find_literals(texts).words - naming_columns(sample)
    for column in table.columns.values():
        is_state = column.base in ("bool", *TEXTS) or bool(column.labels)
        if not is_state or column.generated or column.name not in asked:
            continue
        for value in values_for(scene, sample, column, besides=None)[:_VALUES]:
            with scene.session.undone():
                if not run(
                    scene.session, None, f"update {table.name} set {column.quoted} = {literal(value)}"
                ):
                    continue
                with scene.session.act_as(persona):
                    answer = scene.session.attempt(look)
                if not answer.sqlstate and answer.rowcount <= 0:
                    return True
    return False
