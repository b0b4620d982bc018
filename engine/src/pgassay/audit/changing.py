"""In which tables a statement may leave something, so that nobody looks for it in all."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from pgassay.audit.scene import Scene
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Constraint, Trigger

_ANYTHING = frozenset({"execute", "set_config"})
"""Words of a body that may change what nobody can read off: dynamic SQL, and settings that policies ask."""


def find_changed(scene: Scene, names: Iterable[str]) -> frozenset[str] | None:
    """The tables in which statements may leave rows that name these functions and relations; None: any.

    By what triggers call, bodies name, foreign keys and rules carry on: rather too many than too few.
    """
    triggers, keys = scene.catalog.parts(Trigger), scene.catalog.of(Constraint)
    children: dict[str, set[str]] = {}
    for key in keys:
        if key.acts and key.target:
            children.setdefault(key.target, set()).add(key.table)
    found: set[str] = set()
    ahead = list(names)
    while ahead:
        name = ahead.pop()
        if name in found:
            continue
        found.add(name)
        if function := scene.functions.get(name):
            if not _ANYTHING.isdisjoint(find_literals([function.text]).words):
                return None
            ahead += scene.inventory.feeds.get(name, ())
        elif table := scene.surface.by_name.get(name):
            ahead += [trigger.function for trigger in triggers[table.oid]]
            ahead += children.get(name, ())
        ahead += scene.inventory.uses.get(name, ())
    return frozenset(found & scene.surface.by_name.keys())


def opened_by(scene: Scene, changed: Collection[str] | None) -> frozenset[str] | None:
    """The tables and views of which more may be seen once these tables have changed; None: any."""
    if changed is None:
        return None
    return frozenset(changed).union(*map(scene.dependents, changed))
