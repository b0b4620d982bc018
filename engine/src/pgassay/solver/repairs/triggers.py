"""What to do where a trigger refuses a row: other values, a change afterwards, no triggers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from pgassay.observation import Attempt
from pgassay.solver import functions, values
from pgassay.solver.model import Made, Unreached
from pgassay.solver.repairs.checks import satisfy_checks
from pgassay.solver.writing import where

if TYPE_CHECKING:
    from pgassay.solver.rows import Making

PERSUASIONS = 7  # tries to have a trigger agree
_UNMOVED = 2  # rows of a kind after which triggers are not asked to agree any more


def persuade(making: Making, attempt: Attempt) -> Made | Unreached | None:
    """A trigger refuses: values for which it does not; as a last resort without triggers."""
    if not making.refused:
        making.refused, making.solutions = True, None
        if _document(making):
            return None
    unmoved = making.maker.unmoved
    if unmoved[making.kind] < _UNMOVED and (making.solutions is None or making.tries <= PERSUASIONS):
        found = satisfy_checks(making, attempt)
        if found is None:
            return None
    unmoved[making.kind] += 1
    return _afterwards(making) or _without_triggers(making, attempt)


def _document(making: Making) -> bool:
    """Documents get what the triggers read of them, as accounts have a name; whether there was any."""
    read = functions.documents(making.schema, making.table)
    found = {
        name: json.dumps(dict.fromkeys(keys, values.short(f"{name} {making.need.purpose}")), sort_keys=True)
        for name, keys in read.items()
        if name in making.columns and name not in making.need.values
    }
    making.values |= found
    return bool(found)


def _afterwards(making: Making) -> Made | None:
    """A state that no row may begin with: inserted in another one, and then changed."""
    key = making.schema.key(making.table)
    later = {
        name: value
        for name, value in making.need.values.items()
        if name in making.columns and name not in key and not making.keys_of(name)
    }
    if not later or not key:
        return None
    first = {name: value for name, value in making.need.values.items() if name not in later}
    with making.asker.trial() as trial:
        made = making.begin(first)
        if isinstance(made, Made) and not made.unchecked:
            wanted = where({name: made.values[name] for name in key})
            updated = making.update(later, wanted)
            if isinstance(updated, Made):
                trial.keep()
                return replace(updated, statements=(*made.statements, *updated.statements))
    return None


def _without_triggers(making: Making, attempt: Attempt) -> Made | Unreached:
    """As a last resort; not where a trigger is none of the owner's to disable."""
    if attempt.sqlstate[:2] in ("42", "22"):
        return making.refused_by(attempt)
    making.refused, making.solutions = False, None

    def insert() -> Made | None:
        for _ in range(PERSUASIONS):
            again = making.asker.run(making.statement())
            if not again.sqlstate:
                return making.made(again)
            if again.sqlstate != "23514" or satisfy_checks(making, again) is not None:
                break
        return None

    return write_unchecked(making, insert) or making.refused_by(attempt)


def write_unchecked(making: Making, write: Callable[[], Made | None]) -> Made | None:
    """What is written while the triggers of the table sleep."""
    triggers = making.schema.user_triggers(making.table)
    off = [f"alter table {making.table} disable trigger {one.quoted}" for one in triggers]
    on = [f"alter table {making.table} {one.enabling} trigger {one.quoted}" for one in triggers]
    if making.schema.defers:  # a table with events that wait for the end cannot be altered
        off.insert(0, "set constraints all immediate")
        on.append("set constraints all deferred")
    with making.asker.trial() as trial:
        if not triggers or any(making.asker.run(statement).sqlstate for statement in off):
            return None
        made = write()
        if made is None or any(making.asker.run(statement).sqlstate for statement in on):
            return None
        trial.keep()
    return replace(made, statements=(*off, *made.statements, *on), unchecked=True)
