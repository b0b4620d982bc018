"""Folders of Storage that are another's alone, into which a path leads that has one's own id somewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

from pgassay.audit.confirmation import plays
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Severity, Step, Steps
from pgassay.audit.rules.strangers.folders import FILE, OBJECTS, REFUSED, named_above, upload
from pgassay.audit.scene import Scene
from pgassay.audit.words import anyone, does
from pgassay.catalog.model import ObjectKey
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import literal
from pgassay.observation import Persona

_OWN = "{me}/{file}"
_THEIRS = "{other}/{file}"
_WITHIN = ("{other}/{me}.png", "{other}/{me}/{file}", "{other}/a/{me}/{file}", "{other}/a-{me}-{file}")
_LOOKS = (f"select 1 from {OBJECTS}", f"update {OBJECTS} set name = name", f"delete from {OBJECTS}")
_PAIRS, _FOLDERS = 6, 4


@dataclass(frozen=True, kw_only=True)
class _Try:
    """Who puts a file below a folder of another; `begun` is what policies ask of each path."""

    bucket: str
    me: Persona
    other: Persona
    begun: str

    def path(self, shape: str) -> str:
        return self.begun + shape.format(me=self.me.id, other=self.other.id, file=FILE)

    def look(self, who: Persona, text: str, path: str, shows: str) -> Step:
        it = f"(bucket_id, name) = ({literal(self.bucket)}, {literal(path)})"
        return Step(who=who, statement=f"{text} where {it}", shows=shows)

    def put(self, verb: str, path: str, shows: str) -> Steps:
        """An upload, or the move of an object that is in one's own folder by now."""
        if verb == "insert":
            return (Step(who=self.me, statement=upload(self.bucket, path, self.me.id), shows=shows),)
        own = self.path(_OWN)
        text = f"update {OBJECTS} set name = {literal(path)}"
        return (
            Step(statement=upload(self.bucket, own, self.me.id)),
            self.look(self.me, text, own, shows),
        )


def find_mingled(scene: Scene) -> Iterator[Finding]:
    """One finding for each bucket and verb."""
    for sample in scene.samples:
        for verb in ("insert", "update") if sample.bucket else ():
            found = (
                steps
                for me, other in list(permutations(scene.users, 2))[:_PAIRS]
                for begun in ("", *named_above(scene)[:_FOLDERS])
                if (steps := _steps(scene, _Try(bucket=sample.bucket, me=me, other=other, begun=begun), verb))
            )
            if steps := next(found, None):
                yield _tell(scene, sample, verb, steps)
                break


def _steps(scene: Scene, one: _Try, verb: str) -> Steps | None:
    """Where only a path with the own id in it goes through, and in more places than one.

    Where the id has one place, such as a sender's in the folder of who receives, somebody has given it that.
    """
    if not plays(scene.session, one.put(verb, one.path(_THEIRS), REFUSED)):
        return None
    shapes = [s for s in (*_WITHIN, _OWN) if plays(scene.session, one.put(verb, one.path(s), ROWS))]
    for shape in shapes if len(shapes) > 1 else ():
        path = one.path(shape)
        for text in _LOOKS if shape != _OWN else ():
            there = (
                Step(statement=upload(one.bucket, path)),
                one.look(one.me, text, path, NO_ROWS_SHOWN),
                Step(statement=upload(one.bucket, one.path(_OWN))),
                one.look(one.other, text, one.path(_OWN), NO_ROWS_SHOWN),
            )
            steps = (
                *one.put(verb, one.path(_THEIRS), REFUSED),
                one.put(verb, path, ROWS)[-1],
                one.look(one.other, text, path, ROWS),
            )
            if plays(scene.session, there) and plays(scene.session, steps):
                return steps
    return None


def _tell(scene: Scene, sample: Sample, verb: str, steps: Steps) -> Finding:
    policies = [p for p in scene.policies.get(sample.table.oid, ()) if p.command in (verb, "all")]
    deed = does([verb]) if verb == "insert" else "moves"
    return Finding(
        rule="strangers",
        object=sample.object,
        columns=("name",),
        actions=(verb,),
        who=tuple(persona.name for persona in scene.users),
        severity=Severity.HIGH,
        sentence=f"{anyone(scene.users)} {deed} objects into folders of others in {sample.object}, which "
        "policies keep for these alone: that the own id is anywhere in the path is enough.",
        steps=steps,
        cause=f"strangers {sample.object}",
        about=(*(p.key for p in policies), ObjectKey(kind="relation", object=OBJECTS, name="")),
    )
