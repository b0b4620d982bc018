"""What a migration says that it does to rows, in comments such as `-- pgassay: changes public.jobs`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pglast.parser import ParseError, scan

from pgassay.catalog.names import relation_name
from pgassay.database import Script
from pgassay.errors import ConfigError
from pgassay.migration.contents import TableChange

_MARK = "pgassay:"
_COMMENTS = ("SQL_COMMENT", "C_COMMENT")
_VERBS = ("changes", "removes")


@dataclass(frozen=True, kw_only=True)
class Intent:
    """Tables whose rows are meant to change, and tables meant to lose rows, or columns with values."""

    changes: frozenset[str] = frozenset()
    removes: frozenset[str] = frozenset()

    def lacks(self, change: TableChange) -> tuple[str, ...]:
        """The words that are missing for what happened to the rows of a table. They may be added unsaid."""
        found = []
        if change.changed and change.table not in self.changes:
            found.append("changes")
        if (change.lost or change.emptied) and change.table not in self.removes:
            found.append("removes")
        return tuple(found)


def read_intent(scripts: Sequence[Script]) -> Intent:
    """The marked comments of a migration. Raises ConfigError for one that cannot be understood."""
    said = [statement for script in scripts for statement in _statements(script)]
    return Intent(
        changes=frozenset(table for verb, table in said if verb == "changes"),
        removes=frozenset(table for verb, table in said if verb == "removes"),
    )


def _statements(script: Script) -> Iterator[tuple[str, str]]:
    for start, text in _comments(script):
        if not text.startswith(_MARK):
            continue
        verb, _, tables = text.removeprefix(_MARK).strip().partition(" ")
        try:
            if verb not in _VERBS:
                raise ValueError(f"There is no word {verb!r}.")
            yield from ((verb, relation_name(table.strip())) for table in tables.split(","))
        except ValueError as error:
            raise ConfigError(
                f"{script.place(start)}: cannot understand what is said there: {text}",
                why=str(error),
                fixes=("write -- pgassay: changes public.jobs", "write -- pgassay: removes public.jobs"),
            ) from error


def _comments(script: Script) -> Iterator[tuple[int, str]]:
    """Where each comment starts, and what is in it; none where PostgreSQL's own scanner gives up."""
    try:
        tokens = scan(script.text)
    except ParseError:  # the server will say why
        return
    for token in tokens:
        if token.name in _COMMENTS:
            yield token.start, script.text[token.start : token.end + 1].strip("-/* \t\n")
