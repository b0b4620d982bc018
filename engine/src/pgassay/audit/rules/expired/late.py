"""Writes after a term: a row that an INSERT may not begin any more is changed by an UPDATE."""

from __future__ import annotations

from pgassay.audit.confirmation import plays
from pgassay.audit.model import ROWS, Step, Steps
from pgassay.audit.rules.expired.terms import Term
from pgassay.audit.scene import Scene
from pgassay.audit.writes import Write, make_room, naming_columns, own_inserts
from pgassay.catalog.names import quoted
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import literal
from pgassay.observation import Persona

_REFUSED = ("42501", "P0001")
_ROWS = 4


def changed_late(scene: Scene, term: Term, sample: Sample, persona: Persona) -> tuple[str, Steps] | None:
    """The column that is changed, and the steps that show it."""
    room = Step(statement=make_room(sample, persona))
    far = Step(statement=term.far, shows=ROWS)
    over = Step(statement=term.over, shows=ROWS)
    for write in list(own_inserts(sample, persona))[:_ROWS]:
        begun = Step(who=persona, statement=write.statement, shows=ROWS)
        for setup in ((), (room,)):
            if not plays(scene.session, (*setup, far, begun)):
                continue
            for name in _given(sample, persona, write):
                late = Step(who=persona, statement=_change(write, name), shows=ROWS)
                for code in _REFUSED:
                    refused = Step(who=persona, statement=write.statement, shows=code)
                    is_over = plays(scene.session, (*setup, over, refused))
                    if is_over and plays(scene.session, (*setup, far, begun, over, late)):
                        return name, (*setup, far, begun, over, late)
    return None


def _given(sample: Sample, persona: Persona, write: Write) -> list[str]:
    """What an INSERT has to say, and the persona may change."""
    table = sample.table
    fixed = naming_columns(sample)
    held = table.privileges[persona.role].update - fixed
    return [
        c.name
        for c in table.columns.values()
        if c.name in held and c.name in write.values and c.not_null and not c.has_default
        if write.row.changed.get(c.name) is not None
    ]


def _change(write: Write, name: str) -> str:
    value = literal(write.row.changed[name])
    return f"update {write.sample.table.name} as t set {quoted(name)} = {value} where {write.written}"
