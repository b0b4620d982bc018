"""Rows of others that an account reaches by its metadata, and not with ordinary ones."""

from __future__ import annotations

from dataclasses import dataclass

from pgassay.audit.metadata import Event
from pgassay.audit.reach import Reach, measure
from pgassay.audit.scene import Scene, run
from pgassay.catalog.names import quoted
from pgassay.matrix.statements import condition


@dataclass(frozen=True, kw_only=True)
class Gain:
    """Rows of others that the metadata open: `action`, the object, and a statement that shows one of them."""

    action: str
    object: str
    statement: str


def reach_after(scene: Scene, event: Event) -> Reach:
    """How far the account reaches once it has done this."""
    with scene.session.undone():
        for text in event.statements:
            run(scene.session, None, text)
        return measure(scene, event.persona)


def find_gains(scene: Scene, usual: Event, event: Event, before: Reach) -> list[Gain]:
    """Rows of others that are read, changed or removed after the event and not after the usual one."""
    found = []
    with scene.session.undone():
        if not all(run(scene.session, None, text) for text in event.statements):
            return []
        after = measure(scene, event.persona)
        for (name, verb), count in after.written.items():
            if count > before.written.get((name, verb), 0) and (text := _write(scene, event, name, verb)):
                found.append(Gain(action=verb, object=name, statement=text))
    for name, keys in after.seen.items():
        sample = scene.sample_of[name]
        known = {row.key for row in sample.rows if event.persona.id not in row.owners}
        for key in sorted((keys - before.seen.get(name, frozenset())) & known, key=str)[:1]:
            text = f"select * from {sample.table.name} where {condition(sample.key, key)}"
            found.append(Gain(action="select", object=name, statement=text))
    return [gain for gain in found if not _works(scene, usual, gain)]


def _write(scene: Scene, event: Event, name: str, verb: str) -> str:
    """A write of one row of others that goes through now."""
    sample = scene.sample_of[name]
    table = sample.table
    column = next((c for c in table.privileges[event.persona.role].update if c in table.updatable), "")
    texts = [
        f"delete from {table.name} where {where}"
        if verb == "delete"
        else f"update {table.name} set {quoted(column)} = {quoted(column)} where {where}"
        for row in sample.rows
        if event.persona.id not in row.owners
        for where in [condition(sample.key, row.key)]
    ]
    answers = scene.ask(event.persona, [[text] for text in texts])
    went = (t for t, a in zip(texts, answers, strict=True) if not a.sqlstate and a.counts[0] > 0)
    return next(went, "")


def _works(scene: Scene, event: Event, gain: Gain) -> bool:
    with scene.session.undone():
        for text in event.statements:
            run(scene.session, None, text)
        with scene.session.act_as(event.persona):
            return scene.session.attempt(gain.statement).rowcount > 0
