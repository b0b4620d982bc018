"""Which changes of the schema can have moved an access. Pure: by what the catalogs say depends on what."""

from __future__ import annotations

from collections.abc import Sequence

from pgassay.catalog.compare import Kind, SchemaChange
from pgassay.catalog.inventory import Inventory
from pgassay.diff.comparison import CellDifference
from pgassay.matrix.model import Action
from pgassay.observation import Outcome

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
        change for change in changes if _may_matter(change) and _is_asked(change, difference, base, head)
    ]
    scores = [(_score(difference, change, name, reach), change) for change in possible]
    best = max((score for score, _ in scores), default=0)
    if best:
        return tuple(change for score, change in scores if score == best)
    return tuple(possible) if len(possible) <= _FEW else ()


def _may_matter(change: SchemaChange) -> bool:
    return change.kind is not Kind.RENAMED and change.key.kind not in _IRRELEVANT


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
