"""The executed difference of two schemas: who gained, who lost, what changed, and because of what. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from pgassay.catalog.compare import ChangeKind, SchemaChange, compare_inventories
from pgassay.catalog.inventory import Inventory
from pgassay.catalog.model import ObjectKey
from pgassay.database import Script
from pgassay.diff.catalog_gains import find_catalog_gains, find_untried
from pgassay.diff.comparison import CellDifference, compare_cells
from pgassay.diff.novelty import tell_news
from pgassay.diff.sentences import clearest, collapse, describe, describe_answer
from pgassay.diff.side_effects import raise_effects
from pgassay.diff.unserved import find_unserved
from pgassay.errors import Place
from pgassay.matrix.model import Action, Direction, Entry, Matrix
from pgassay.observation import Outcome
from pgassay.plpgsql.definitions import Definitions, find_definitions

Settle = Callable[[Iterable[CellDifference]], Sequence[CellDifference]]
"""Looks at differences again, with what comparing alone does not show."""

_CAUSES = 2  # in one sentence; all are in the list of changes
_TOLD = "Roles changed. "  # says the change itself
_OBJECTS = ("relation", "function", "type", "column")


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One schema as it was loaded: what it says, and what that lets everybody do."""

    inventory: Inventory
    matrix: Matrix


@dataclass(frozen=True, kw_only=True)
class AccessChange(Entry):
    """One sentence about the cells that moved in the same way, because of `causes`.

    `witness` shows it after the owner's statements in `setup` and before his `looks`, if any. `place` is in
    the files of HEAD.
    """

    setup: tuple[str, ...] = ()
    looks: tuple[str, ...] = ()
    causes: tuple[SchemaChange, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Difference:
    """All that HEAD lets people do otherwise than BASE.

    `new`: what BASE lacks, where it crosses no ownership and cannot be written. `schema`: every change of the
    schema itself; `untried`: those of them on which access may depend, and that nothing tries.
    """

    gained: tuple[AccessChange, ...] = ()
    new: tuple[AccessChange, ...] = ()
    lost: tuple[AccessChange, ...] = ()
    changed: tuple[AccessChange, ...] = ()
    added: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    schema: tuple[SchemaChange, ...] = field(default=(), repr=False)
    untried: tuple[SchemaChange, ...] = ()

    @property
    def entries(self) -> tuple[AccessChange, ...]:
        return (*self.gained, *self.new, *self.lost, *self.changed)


def diff_snapshots(
    base: Snapshot, head: Snapshot, scripts: Sequence[Script] = (), *, settle: Settle = tuple
) -> Difference:
    """Compare two schemas; `scripts` are the files of HEAD, for places.

    Says nothing of cells that could not be judged: look at `Matrix.errors` before.
    """
    changes = compare_inventories(base.inventory, head.inventory)
    settled = settle(compare_cells(base.matrix, head.matrix))
    judged = tell_news(
        settled, base=base.matrix, head=head.matrix, before=base.inventory, after=head.inventory
    )
    differences = list(raise_effects(judged, base=base.matrix, head=head.matrix, after=head.inventory))
    definitions = find_definitions(scripts if changes else ())
    gained, new, lost, changed = (
        tuple(
            _tell(group, base.inventory, head.inventory, changes, definitions)
            for group in collapse(one for one in differences if one.direction is direction)
        )
        for direction in Direction
    )
    return Difference(
        gained=(*_beyond_the_matrix(changes, base, head, definitions), *gained),
        new=new,
        lost=lost,
        changed=changed,
        added=tuple(_objects(changes, ChangeKind.ADDED)),
        dropped=tuple(_objects(changes, ChangeKind.DROPPED)),
        schema=changes,
        untried=tuple(find_untried(changes)),
    )


def _objects(changes: Iterable[SchemaChange], kind: ChangeKind) -> Iterator[str]:
    """Objects, and columns of those that were there before."""
    relations = {c.key.object for c in changes if c.kind is kind and c.key.kind == "relation"}
    for change in changes:
        key = change.key
        of_new = key.kind == "column" and key.object in relations
        if change.kind is kind and key.kind in _OBJECTS and not of_new:
            yield f"{key.kind} {key.object}" + (f".{key.name}" if key.name else "")


def _beyond_the_matrix(
    changes: Sequence[SchemaChange], base: Snapshot, head: Snapshot, definitions: Definitions
) -> Iterator[AccessChange]:
    """What the catalogs tell, whoever tries: nobody's statement shows it."""
    roles = {right.role for side in (base, head) for right in side.matrix.surface.rights}
    roles |= {cell.witness.persona.role for side in (base, head) for cell in side.matrix.cells}
    gains = find_catalog_gains(changes, base=base.inventory, head=head.inventory, roles=roles)
    unserved = find_unserved(
        changes,
        head.matrix.surface.tables.values(),
        roles=[role for role in roles if _is_bound(role, head.inventory)],
        base=base.inventory,
        head=head.inventory,
    )
    for message, causes in (*gains, *unserved):
        told = [] if message.startswith(_TOLD) else map(str, causes[:_CAUSES])
        yield AccessChange(
            direction=Direction.GAINED,
            message=" ".join([message, *told]),
            causes=causes,
            place=_place(causes, definitions),
        )


def _is_bound(role: str, schema: Inventory) -> bool:
    """Whether policies bind it."""
    said = schema.objects.get(ObjectKey("role", "", role), {})
    return "true" not in (said.get("bypassrls"), said.get("superuser"))


def _place(causes: Iterable[SchemaChange], definitions: Definitions) -> Place | None:
    return next(filter(None, (definitions.find(one.key, one.property) for one in causes)), None)


def _tell(
    group: Sequence[CellDifference],
    base: Inventory,
    head: Inventory,
    changes: Sequence[SchemaChange],
    definitions: Definitions,
) -> AccessChange:
    """One finding of cells that moved alike."""
    first = clearest(group)
    found = (cause for one in group for cause in find_causes(one, changes, base=base, head=head))
    causes = tuple(dict.fromkeys(found))[:_CAUSES]
    there = (head if first.after else base).objects
    columns = sum(key.kind == "column" and key.object == first.key.table for key in there)
    sentence = describe(group, base=base, head=head, columns=columns)
    return AccessChange(
        direction=first.direction,
        message=" ".join([sentence, *map(str, causes)]),
        cells=tuple(one.key for one in group),
        witness=first.witness,
        before=describe_answer(first.before),
        after=describe_answer(first.after),
        causes=causes,
        place=_place(causes, definitions),
    )


_FEW = 3
_IRRELEVANT = ("index",)
_ASKED = {
    Action.SELECT: {"all", "select"},
    Action.INSERT: {"all", "insert"},
    # What a policy does not let them see, they do not find.
    Action.UPDATE: {"all", "select", "update"},
    Action.DELETE: {"all", "select", "delete"},
}


def find_causes(
    difference: CellDifference, changes: Sequence[SchemaChange], *, base: Inventory, head: Inventory
) -> tuple[SchemaChange, ...]:
    """The likeliest causes: on the object itself, else on what it uses, else any if there are few."""
    name = difference.key.table
    reach = base.reach(name) | head.reach(name)
    possible = [
        change
        for change in changes
        if change.kind is not ChangeKind.RENAMED
        and change.key.kind not in _IRRELEVANT
        and _is_asked(change, difference, base, head)
    ]
    scores = [(_score(difference, change, name, reach), change) for change in possible]
    best = max((score for score, _ in scores), default=0)
    if best:
        return tuple(change for score, change in scores if score == best)
    return tuple(possible) if len(possible) <= _FEW else ()


def _is_asked(change: SchemaChange, difference: CellDifference, *inventories: Inventory) -> bool:
    """Whether a policy, if it is one of the object itself, is for the command that was tried."""
    if change.key.kind != "policy" or change.key.object != difference.key.table:
        return True
    commands = {some.objects[change.key]["command"] for some in inventories if change.key in some.objects}
    return not commands.isdisjoint(_ASKED.get(difference.key.action, ()))


def _score(difference: CellDifference, change: SchemaChange, name: str, reach: frozenset[str]) -> int:
    """3: this decides such an answer; 2: on the object, or a function that it uses; 1: on what it reads."""
    kind = change.key.kind
    if kind.startswith("grant"):
        return _score_grant(difference, change, name)
    if kind == "role":
        return 2 if change.key.name == difference.witness.persona.role else 0
    if change.key.object not in reach:
        return 0
    if change.key.object != name:
        return 2 if kind == "function" else 1
    if kind == "column":
        return 3 if change.key.name == difference.key.variant.split("=")[0] else 1
    return 3 if kind in _deciding(difference) else 2


def _score_grant(difference: CellDifference, change: SchemaChange, name: str) -> int:
    role = difference.witness.persona.role
    about_it = change.key.object == name or (
        change.key.kind == "grant on schema" and change.key.object == name.split(".", maxsplit=1)[0]
    )
    verb = "usage" if change.key.kind == "grant on schema" else difference.key.action.value
    if not about_it or change.key.name not in (role, "public"):
        return 0
    return 3 if change.property.split(" ")[0] == verb and _is_grant(difference) else 1


def _is_grant(difference: CellDifference) -> bool:
    answers = (difference.before, difference.after)
    return any(a is None or a.outcome is Outcome.DENIED_GRANT for a in answers)


def _deciding(difference: CellDifference) -> tuple[str, ...]:
    """The kinds of object that give such an answer."""
    answers = {answer.outcome for answer in (difference.before, difference.after) if answer}
    if Outcome.REJECTED in answers:
        return ("trigger", "constraint", "type")
    if difference.key.action is Action.TRUNCATE or _is_grant(difference):
        return ()
    return ("policy", "relation")
