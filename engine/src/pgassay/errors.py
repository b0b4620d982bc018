"""The errors that a user sees: each says what happened, why, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Self


class ExitCode(IntEnum):
    """What the process answers to its caller."""

    GOOD = 0
    SCHEMA_PROBLEM = 1
    CANNOT_JUDGE = 2

    @property
    def word(self) -> str:
        """The verdict."""
        return ("good", "problem", "not judged")[self]


def printable(text: str) -> str:
    """`text` with a replacement character for each that could steer a terminal or is none in XML."""
    return "".join(c if c.isprintable() or c in "\t\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


class PgassayError(Exception):
    """Base of all errors meant for a person.

    `what` is one sentence, `why` the facts behind it (one a line), `fixes` the ways out: one suffices.
    """

    exit_code = ExitCode.CANNOT_JUDGE

    def __init__(self, what: str, *, why: str = "", fixes: tuple[str, ...] = ()) -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.fixes = fixes

    def retold(self, **changes: object) -> Self:
        """The same error with other values."""
        found = type(self).__new__(type(self), *self.args)  # a class may have arguments of its own
        vars(found).update({**vars(self), **changes})
        return found

    def __str__(self) -> str:
        lines = [self.what]
        if self.why:
            lines.append(self.why.rstrip())
        if len(self.fixes) == 1:
            lines.append(f"To fix this, {self.fixes[0]}")
        elif self.fixes:
            lines.append("To fix this, either")
            lines.extend(f"  - {fix}" for fix in self.fixes)
        return printable("\n".join(lines))


class CannotJudgeError(PgassayError):
    """The run says nothing about the schema: no server, bad configuration, no test."""


class ConfigError(CannotJudgeError):
    """The configuration or the command line names something that does not exist or makes no sense."""


class ServerError(CannotJudgeError):
    """No PostgreSQL server to be had, or it went away."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where in a file: `line` and `column` count from 1; 0 means unknown."""

    file: Path
    line: int
    column: int = 0

    def __str__(self) -> str:
        column = f":{self.column}" if self.column else ""
        return f"{self.file}:{self.line}{column}" if self.line else f"{self.file}"


class SchemaError(PgassayError):
    """The schema itself is at fault: it does not parse, does not load, or a check found a problem."""

    exit_code = ExitCode.SCHEMA_PROBLEM

    def __init__(
        self,
        what: str,
        *,
        place: Place | None = None,
        why: str = "",
        fixes: tuple[str, ...] = (),
        sqlstate: str = "",
    ) -> None:
        super().__init__(what, why=why, fixes=fixes)
        self.place = place
        self.sqlstate = sqlstate
