"""Objects of Storage that their owner moves to where he may not upload any."""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.audit.confirmation import plays
from pgassay.audit.model import ROWS, Finding, Severity, Step
from pgassay.audit.scene import Scene
from pgassay.catalog.model import ObjectKey
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import condition, literal
from pgassay.observation import Persona

_OBJECTS = "storage.objects"
_REFUSED = "42501"
_ROWS = 4


def find_renamed(scene: Scene) -> Iterator[Finding]:
    """One finding for each bucket."""
    for sample in scene.samples:
        if sample.table.name == _OBJECTS and sample.object != _OBJECTS:
            found = (f for persona in scene.users for f in _tried(scene, sample, persona))
            if finding := next(found, None):
                yield finding


def _tried(scene: Scene, sample: Sample, persona: Persona) -> Iterator[Finding]:
    theirs = [row for row in sample.rows if row.owners and persona.id not in row.owners][:_ROWS]
    for own in [row for row in sample.rows if persona.id in row.owners][:_ROWS]:
        for other in theirs:
            folder, slash, _ = (other.values["name"] or "").rpartition("/")
            name = f"{folder}{slash}pgassay-moved"
            steps = (
                Step(who=persona, statement=_insert(own, persona, name), shows=_REFUSED),
                Step(who=persona, statement=_rename(sample, own, name), shows=ROWS),
            )
            if slash and plays(scene.session, steps):
                yield _tell(scene, sample, persona, steps)


def _insert(own: Row, persona: Persona, name: str) -> str:
    values = (own.values["bucket_id"], name, persona.id)
    return f"insert into {_OBJECTS} (bucket_id, name, owner_id) values ({', '.join(map(literal, values))})"


def _rename(sample: Sample, own: Row, name: str) -> str:
    return f"update {_OBJECTS} set name = {literal(name)} where {condition(sample.key, own.key)}"


def _tell(scene: Scene, sample: Sample, persona: Persona, steps: tuple[Step, ...]) -> Finding:
    held = sample.table.privileges[persona.role]
    policies = [p for p in held.policies if p.command in ("update", "all")]
    return Finding(
        rule="states",
        object=sample.object,
        columns=("name",),
        actions=("update",),
        who=tuple(user.name for user in scene.users),
        severity=Severity.MEDIUM,
        sentence=f"{persona.name} moves an object of {persona.name}'s own in {sample.object} into the folder "
        "of somebody else, where an upload is refused: the policy for UPDATE does not check the name.",
        steps=steps,
        cause=f"renamed {sample.object}",
        about=(*(p.key for p in policies), ObjectKey(kind="relation", object=_OBJECTS, name="")),
    )
