"""What a change may have to do with: the objects that depend on it, and what it says. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from pgassay.catalog.compare import ChangeKind, SchemaChange
from pgassay.catalog.inventory import Inventory
from pgassay.catalog.literals import Literals, find_literals, find_marked
from pgassay.catalog.model import ObjectKey
from pgassay.matrix.model import Action
from pgassay.matrix.rows import Sample

_SEARCHED = ("policy", "relation", "function", "trigger", "rule", "constraint", "type")
OF_WRITES = ("trigger", "function", "rule")
"""What may happen at a write, besides what it says."""
_ACTIONS = frozenset({Action.SELECT, Action.INSERT, Action.UPDATE, Action.DELETE})


@dataclass(frozen=True, kw_only=True)
class Neighbourhood:
    """An object, the changes that may matter to it, what they mention, and the tables that it looks at.

    `marked`: the words that only one side says. `steps`: how far away the nearest of the changes is.
    `actions`: those that can be meant; `policies_only`: who is exempt from policies is not concerned.
    """

    sample: Sample
    changes: tuple[SchemaChange, ...]
    literals: Literals
    marked: frozenset[str]
    steps: int
    varied: tuple[Sample, ...]
    actions: frozenset[Action]
    policies_only: bool


def find_neighbourhoods(
    changes: Sequence[SchemaChange], samples: Sequence[Sample], *, base: Inventory, head: Inventory
) -> list[Neighbourhood]:
    """One for each object that a change may have to do with, by what depends on what; the nearest first."""
    found = _find_neighbourhoods(changes, samples, base=base, head=head)
    return sorted(found, key=lambda one: one.steps)


def _find_neighbourhoods(
    changes: Sequence[SchemaChange], samples: Sequence[Sample], *, base: Inventory, head: Inventory
) -> Iterator[Neighbourhood]:
    # What a generated column is made of is not a default: the conditions that ask for it are solved.
    computed = {(s.table.name, column.name) for s in samples for column in s.columns if column.generated}
    searched = [
        change
        for change in changes
        if (is_searched(change) or is_unique(change, base, head))
        and (change.key.object, change.key.name) not in computed
    ]
    for sample in samples:
        if not sample.table.reachable:
            continue
        name = sample.table.name
        reach = base.reach(name) | head.reach(name) | _find_defaulting(name, base, head)
        # Whatever grants and columns open is seen in any world, if there are rows.
        possible = searched if sample.rows else changes
        some = tuple(change for change in possible if change.key.object in reach)
        own_policies = all(change.key.kind == "policy" and change.key.object == name for change in some)
        if some:
            yield Neighbourhood(
                sample=sample,
                changes=some,
                literals=find_literals(
                    [*said_by(some, head), *bodies(reach, head)], [*said_by(some, base), *bodies(reach, base)]
                ),
                marked=find_marked(texts_of(some, head), texts_of(some, base)),
                steps=_count_steps(name, frozenset(change.key.object for change in some), base, head),
                varied=tuple(s for s in samples if s.table.name in reach and s.table.truncatable),
                actions=frozenset(_commands(some, base, head)) if own_policies else _ACTIONS,
                policies_only=own_policies,
            )


def _find_defaulting(table: str, *sides: Inventory) -> frozenset[str]:
    """The functions that its defaults and checks call: they run at every write, and are no use of its own."""
    called = (side.needs.get(table, frozenset()) for side in sides)
    functions = (key.object for side in sides for key in side.objects if key.kind == "function")
    return frozenset[str]().union(*called) & frozenset(functions)


def _count_steps(name: str, changed: frozenset[str], *inventories: Inventory) -> int:
    """How many uses lie between an object and what is changed, on either side."""
    known = ahead = frozenset({name})
    steps = 0
    while ahead and not known & changed:
        used = (inventory.uses.get(one, frozenset()) for inventory in inventories for one in ahead)
        ahead = frozenset[str]().union(*used) - known
        known |= ahead
        steps += 1
    return steps


def is_searched(change: SchemaChange) -> bool:
    """Whether other rows, claims or arguments can tell more of it than the matrix does."""
    is_default = change.key.kind == "column" and change.property == "default"
    return is_default or (change.key.kind in _SEARCHED and change.kind is not ChangeKind.RENAMED)


def is_unique(change: SchemaChange, *inventories: Inventory) -> bool:
    """Whether it is about an index that refuses what is there already, on one of the sides."""
    said = (one.objects.get(change.key, {}).get("definition", "") for one in inventories)
    return change.key.kind == "index" and any(text.startswith("CREATE UNIQUE") for text in said)


def said_by(changes: Iterable[SchemaChange], inventory: Inventory) -> list[str]:
    """What the changed objects say, and the functions that triggers among them call."""
    return list(texts_of(changes, inventory).values())


def narrow(around: Neighbourhood, base: Inventory, head: Inventory) -> Neighbourhood:
    """With what the changes themselves mention on either side, and no more: a check may be gone."""
    literals = find_literals(said_by(around.changes, head), said_by(around.changes, base))
    return replace(around, literals=literals)


def texts_of(changes: Iterable[SchemaChange], inventory: Inventory) -> dict[tuple[ObjectKey, str], str]:
    """The same, by object and property."""
    said = {change.key: inventory.objects.get(change.key, {}) for change in changes}
    for some in list(said.values()):
        if "function" in some:
            key = ObjectKey(kind="function", object=some["function"], name="")
            said[key] = inventory.objects.get(key, {})
    return {(key, name): text for key, some in said.items() for name, text in some.items()}


def find_called(changes: Iterable[SchemaChange], *sides: Inventory) -> frozenset[str]:
    """The functions that are others, and those of triggers that are."""
    keys = [change.key for change in changes]
    called = (side.objects.get(key, {}).get("function", "") for side in sides for key in keys)
    return frozenset((*called, *(key.object for key in keys if key.kind == "function"))) - {""}


def bodies(names: frozenset[str], inventory: Inventory) -> list[str]:
    """Those of functions that compare what a changed one returns. Not auth.uid(): it names settings only."""
    keys = [
        ObjectKey(kind="function", object=name, name="")
        for name in sorted(names)
        if not name.startswith("auth.")
    ]
    return [inventory.objects[key].get("body", "") for key in keys if key in inventory.objects]


def _commands(policies: Iterable[SchemaChange], base: Inventory, head: Inventory) -> Iterator[Action]:
    """The commands of policies. What one for SELECT lets nobody read, it lets nobody find for a write."""
    for change in policies:
        for inventory in (base, head):
            command = inventory.objects.get(change.key, {}).get("command", "")
            yield from _ACTIONS if command == "all" else [a for a in _ACTIONS if a.value == command]
