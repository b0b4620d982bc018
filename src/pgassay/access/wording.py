"""Differences of access as sentences. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from pgassay.access.model import Action, CellKey, Result, RowClass
from pgassay.observation import Outcome

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
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


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


def describe_answer(result: Result | None) -> str:
    """An answer in a word or two, with its SQLSTATE where that tells more."""
    if result is None:
        return "not there"
    code = f" {result.sqlstate}" if result.outcome is Outcome.REJECTED else ""
    return f"{describe_outcome(result.outcome)}{code}"


def describe_outcome(outcome: Outcome) -> str:
    """In a word or two."""
    return _WORDS[outcome]
