"""Folders of Storage named after a row that is hidden from who reads, or writes, what is in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from pgassay.audit.confirmation import plays
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Severity, Step, Steps
from pgassay.audit.named_after import hidden_names
from pgassay.audit.reach import measure_seen
from pgassay.audit.scene import Scene
from pgassay.audit.words import anyone, does
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import ObjectKey
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import condition, literal
from pgassay.observation import Persona

OBJECTS = "storage.objects"
REFUSED = "42501"
_FOLDERS = 24  # of one bucket and persona
_NOBODYS = "5e0c0de5-0000-4000-8000-00000000000d"
FILE = "pgassay.png"


@dataclass(frozen=True, kw_only=True)
class _Reached:
    """Who reaches what is in a folder, and what it is named after."""

    persona: Persona
    verb: str
    after: str
    steps: Steps


def find_folders(scene: Scene) -> Iterator[Finding]:
    """One finding for each bucket."""
    for sample in scene.samples:
        people = scene.people if sample.bucket and sample.rows else ()
        if found := [one for p in people for one in _reached(scene, sample.bucket, p)]:
            yield _tell(scene, sample, found)


def _reached(scene: Scene, bucket: str, persona: Persona) -> Iterator[_Reached]:
    """The first folder in which it reads, and in which it writes; in those of nothing it may not."""
    done: set[str] = set()
    for folder, nobodys, (sample, row) in islice(_folders(scene, persona), _FOLDERS):
        top = f"select 1 from {sample.table.name} where {condition(sample.key, row.key)}"
        hidden = Step(who=persona, statement=top, shows=NO_ROWS_SHOWN)
        for verb in ("select", "insert"):
            steps = (hidden, *_refused(verb, bucket, nobodys, persona), *_done(verb, bucket, folder, persona))
            if verb not in done and plays(scene.session, steps):
                done.add(verb)
                yield _Reached(persona=persona, verb=verb, after=sample.object, steps=steps)


def _folders(scene: Scene, persona: Persona) -> Iterator[tuple[str, str, tuple[Sample, Row]]]:
    """Named after a hidden row, below what policies compare with, too; each with one named after nothing."""
    seen = measure_seen(scene, persona)
    reach = scene.inventory.reach(OBJECTS)
    above = named_above(scene)
    for value, sample, row in hidden_names(scene, persona, seen, reach - {OBJECTS}):
        for begun in ("", *above):
            yield f"{begun}{value}", f"{begun}{_NOBODYS}", (sample, row)


def named_above(scene: Scene) -> list[str]:
    """Folders that policies compare with."""
    table = scene.surface.by_name[OBJECTS]
    said = find_literals(text for p in scene.policies.get(table.oid, ()) for _, text in p.clauses).strings
    buckets = {sample.bucket for sample in scene.samples}
    return [f"{text.strip('/')}/" for text in said if text.strip("/") and text not in buckets]


def _done(verb: str, bucket: str, folder: str, persona: Persona) -> Steps:
    name = f"{folder}/{FILE}"
    if verb == "insert":
        return (Step(who=persona, statement=upload(bucket, name, persona.id), shows=ROWS),)
    look = f"select 1 from {OBJECTS} where (bucket_id, name) = ({literal(bucket)}, {literal(name)})"
    return Step(statement=upload(bucket, name)), Step(who=persona, statement=look, shows=ROWS)


def _refused(verb: str, bucket: str, folder: str, persona: Persona) -> Steps:
    *before, deed = _done(verb, bucket, folder, persona)
    shows = REFUSED if verb == "insert" else NO_ROWS_SHOWN
    return *before, Step(who=persona, statement=deed.statement, shows=shows)


def upload(bucket: str, name: str, owner: str | None = None) -> str:
    """What Storage sends."""
    values = (bucket, name, *([owner] if owner else []))
    columns = "bucket_id, name, owner_id" if owner else "bucket_id, name"
    return f"insert into {OBJECTS} ({columns}) values ({', '.join(map(literal, values))})"


def _tell(scene: Scene, sample: Sample, found: list[_Reached]) -> Finding:
    verbs = [verb for verb in ("insert", "select") if any(one.verb == verb for one in found)]
    who = [p for p in scene.people if any(one.persona == p for one in found)]
    first = next(one for one in found if one.verb == verbs[0])
    policies = [p for p in scene.policies.get(sample.table.oid, ()) if p.command in (*verbs, "all")]
    return Finding(
        rule="strangers",
        object=sample.object,
        actions=tuple(verbs),
        who=tuple(persona.name for persona in who),
        severity=Severity.CRITICAL if any(p.id is None for p in who) else Severity.HIGH,
        sentence=f"{anyone(who)} {does(verbs)} objects in folders of {sample.object} that are named after "
        f"rows of {first.after} which a SELECT hides.",
        steps=first.steps,
        others=tuple(one.steps for one in found if one is not first),
        cause=f"strangers {sample.object}",
        about=(*(p.key for p in policies), ObjectKey(kind="relation", object=OBJECTS, name="")),
    )
