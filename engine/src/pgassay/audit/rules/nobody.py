"""Nobody gets in: policies that recurse or raise, so that not even the owner of a row reaches it."""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.audit.model import Finding, Severity, Step
from pgassay.audit.scene import Scene
from pgassay.audit.words import anyone
from pgassay.catalog.model import ObjectKey
from pgassay.observation import Outcome

RULE = "nobody"


def find(scene: Scene) -> Iterator[Finding]:
    """One finding for each object."""
    broken: dict[str, list[str]] = {}
    for cell in scene.matrix.cells:
        if cell.outcome is Outcome.ERROR:
            broken.setdefault(cell.key.object, []).append(cell.key.persona)
    for object_, names in broken.items():
        cell = next(c for c in scene.matrix.cells if c.key.object == object_ and c.outcome is Outcome.ERROR)
        wrong = next(one for one in cell.results if one.outcome is Outcome.ERROR)
        who = [p for p in scene.people if p.name in names]
        yield Finding(
            rule=RULE,
            object=object_,
            actions=(cell.key.action.value,),
            who=tuple(p.name for p in who),
            severity=Severity.HIGH if wrong.sqlstate.startswith("42") else Severity.MEDIUM,
            sentence=f"{anyone(who)} gets an error from {object_}: {wrong.sqlstate}, {wrong.why}.",
            steps=(Step(who=wrong.witness.persona, statement=wrong.witness.statement, shows=wrong.sqlstate),),
            cause=f"nobody {object_}",
            about=(ObjectKey(kind="relation", object=object_, name=""),),
        )
