"""Differences of access as sentences: one for all cells that moved in the same way. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from pgassay.catalog.inventory import Inventory
from pgassay.catalog.model import ObjectKey
from pgassay.diff.comparison import CellDifference
from pgassay.matrix.baseline import render_effects
from pgassay.matrix.model import Action, CellKey, CellResult, Direction, RowClass
from pgassay.observation import Outcome


def collapse(differences: Iterable[CellDifference]) -> list[list[CellDifference]]:
    """Groups that one sentence can tell of: columns of a persona, then personas with the same columns."""
    by_persona: dict[tuple[object, ...], list[CellDifference]] = defaultdict(list)
    for one in differences:
        by_persona[one.key.persona, *_kind(one)].append(one)
    groups: dict[tuple[object, ...], list[CellDifference]] = defaultdict(list)
    for (_, *kind), some in by_persona.items():
        variants = tuple(sorted({one.key.variant for one in some}))
        groups[(*kind, variants)] += some
    return sorted(groups.values(), key=_importance)


def _kind(one: CellDifference) -> tuple[object, ...]:
    key = one.key
    when = one.when if "=" in one.when else ""  # what only counts rows is not told
    answers = describe_answer(one.before), describe_answer(one.after), when
    effects = tuple(side.effects if side else () for side in (one.before, one.after))
    effects = effects if _is_effect(one) else ()
    return key.object, key.action, key.rows, *answers, effects, one.behind


def _importance(group: Sequence[CellDifference]) -> tuple[object, ...]:
    """What is reached fully before what something still refuses; other people's rows first."""
    key = group[0].key
    stranger = key.rows is RowClass.OTHER
    return _is_rejected(group[0]), not stranger, key.object, key.action.value, key.rows.value, key.variant


def clearest(group: Sequence[CellDifference]) -> CellDifference:
    """The one whose witness shows most: of a SELECT a column, which it returns beside the row's key."""
    columns = group[0].key.action is Action.SELECT
    return next((one for one in group if (one.key.variant != "-") is columns), group[0])


def describe(group: Sequence[CellDifference], *, base: Inventory, head: Inventory, columns: int) -> str:
    """Who can do what, where, and what it was before; `columns` is the number of the object's columns."""
    first = clearest(group)
    people = join(list(dict.fromkeys(one.key.persona for one in group)))
    variants = tuple(dict.fromkeys(one.key.variant for one in group))
    deed = describe_deed(first.key, variants, columns=columns)
    where = f" where {first.when}" if "=" in first.when else ""
    before, after = describe_answer(first.before), describe_answer(first.after)
    match Direction.CHANGED if _is_effect(first) else first.direction:
        case Direction.GAINED | Direction.NEW:
            can = "may now try to" if _is_rejected(first) else "can now"
            was = f"was: {before}" if first.before else _novelty(first.key, base)
            return f"{people} {can} {deed}{where} ({was}).{_obstacle(first)}"
        case Direction.LOST:
            gone = first.after is None and not _exists(first.key, head)
            return f"{people} can no longer {deed}{where} (now: {'no longer there' if gone else after})."
    return f"{people}: {deed}{where}: {_otherwise(first)}.{_behind(first)}"


def _is_effect(one: CellDifference) -> bool:
    """Whether the answer is as it was, and what differs is what is done."""
    return describe_answer(one.before) == describe_answer(one.after)


def _is_rejected(one: CellDifference) -> bool:
    return one.after is not None and one.after.outcome is Outcome.REJECTED


def _obstacle(one: CellDifference) -> str:
    if one.after is None or not _is_rejected(one):
        return ""
    return f" No privilege and no policy refuses any more, only this: {one.after.sqlstate} {one.after.why}."


def _behind(one: CellDifference) -> str:
    if not one.behind:
        return ""
    refused = join([_WORDS[outcome] for outcome in one.behind], "or")
    return f" The triggers aside, {f'still {refused}' if _is_rejected(one) else f'{refused} already'}."


def _otherwise(one: CellDifference) -> str:
    before, after = describe_answer(one.before), describe_answer(one.after)
    if before != after or not one.before or not one.after:
        return f"{after} (was: {before})"
    if one.before.effects != one.after.effects:
        did, does = (render_effects(side) or "nothing" for side in (one.before, one.after))
        return f"also does {does} (did: {did})"
    return f"{after} {one.after.sqlstate} (was: {one.before.sqlstate})"


def _novelty(key: CellKey, base: Inventory) -> str:
    if not _exists(key, base):
        return "new object"
    column = ObjectKey(kind="column", object=key.table, name=key.variant.split("=")[0])
    is_column = key.variant != "-" and key.action is not Action.USAGE
    return "new column" if is_column and column not in base.objects else "was: no such row to try"


def _exists(key: CellKey, inventory: Inventory) -> bool:
    name = key.table
    kinds = ("relation", "function")
    return any(ObjectKey(kind=kind, object=name, name="") in inventory.objects for kind in kinds)


_NAMED_AT_MOST = 6  # variants; more would not be read

_ROWS = {
    RowClass.OWN: "their own rows",
    RowClass.OTHER: "other people's rows",
    RowClass.NOBODY: "nobody's rows",
    RowClass.PUBLIC: "rows",
    RowClass.ANY: "whatever rows there are",
}
_IN_WHOSE_NAME = {
    RowClass.OWN: "rows of their own",
    RowClass.OTHER: "rows in another's name",
    RowClass.NOBODY: "rows that belong to nobody",
    RowClass.PUBLIC: "rows",
}
_WORDS = {
    Outcome.ALLOWED: "allowed",
    Outcome.FILTERED: "filtered",
    Outcome.DENIED_GRANT: "denied, no grant",
    Outcome.DENIED_POLICY: "denied by policy",
    Outcome.REJECTED: "rejected",
    Outcome.ERROR: "error",
}


def join(words: Sequence[str], last: str = "and") -> str:
    """`a, b and c`."""
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def describe_deed(key: CellKey, variants: Sequence[str], *, columns: int) -> str:
    """What is done, as an infinitive; `variants` are those of all cells that are told of together.

    `columns` is how many the object has: all of them need no names.
    """
    named = [variant for variant in variants if variant != "-"]
    what = _list(named)
    some = named and len(named) < columns and (key.action is Action.SELECT or "-" not in variants)
    match key.action:
        case Action.SELECT:
            of_which = f"{what} of " if some else ""
            return f"SELECT {of_which}{_ROWS[key.rows]} of {key.object}"
        case Action.INSERT:
            with_which = f" with {what}" if some else ""
            return f"INSERT {_IN_WHOSE_NAME.get(key.rows, 'rows')}{with_which} into {key.object}"
        case Action.UPDATE:
            return f"UPDATE {what} of {_ROWS[key.rows]} of {key.object}"
        case Action.DELETE:
            return f"DELETE {_ROWS[key.rows]} of {key.object}"
        case Action.USAGE:
            return f"use the sequence {key.object} ({what})"
    return f"{key.action.value.upper()} {key.object}"


def _list(variants: Sequence[str]) -> str:
    """Columns, and columns with the values that were tried: `status to QUEUED or CANCELLED`."""
    values: dict[str, list[str]] = {}
    for variant in variants:
        column, _, value = variant.partition("=")
        values.setdefault(column, []).append(value)
    parts = [
        f"{column} to {join(sorted(some), 'or')}" if any(some) else column for column, some in values.items()
    ]
    more = len(parts) - _NAMED_AT_MOST
    if more > 1:
        return f"{', '.join(parts[:_NAMED_AT_MOST])} and {more} more columns"
    return join(parts) if parts else ""


def describe_answer(result: CellResult | None) -> str:
    """An answer in a word or two, with its SQLSTATE where that tells more."""
    if result is None:
        return "not there"
    code = f" {result.sqlstate}" if result.outcome is Outcome.REJECTED else ""
    return f"{_WORDS[result.outcome]}{code}"
