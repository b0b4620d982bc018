"""A mutant, and what became of it. Pure values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from pgassay.catalog.model import ObjectKey
from pgassay.errors import Place
from pgassay.mutation.reach import Reach
from pgassay.toml import read_entries


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One small change of the schema: `statements` for the schema's owner, in one transaction.

    `id` stays the same from run to run as long as the object and the change do.
    """

    id: str
    operator: str
    target: ObjectKey
    description: str
    statements: tuple[str, ...]
    reach: Reach = field(default=Reach(), compare=False, repr=False)
    place: Place | None = field(default=None, compare=False)

    def __str__(self) -> str:
        place = f"{self.place.file}:{self.place.line}  " if self.place else ""
        return f"{place}{self.description}"


class Status(Enum):
    """What became of a mutant."""

    KILLED = "killed"  # a test failed
    TIMEOUT = "timeout"  # a test that ends quickly on the schema itself did not end: killed
    SURVIVED = "survived"  # every test that could notice passed
    EQUIVALENT = "equivalent"  # no test could notice, and why
    INVALID = "invalid"  # the server refused the statements
    UNJUDGED = "unjudged"  # the harness failed, and no test killed it


@dataclass(frozen=True, kw_only=True)
class Result:
    """The fate of the mutant `id`. `by`: the test that killed it; `ran`: how many tests it took.

    `reason`: why it is equivalent, invalid or not judged.
    """

    id: str
    status: Status
    by: str = ""
    ran: int = 0
    reason: str = ""
    seconds: float = 0.0

    @property
    def is_killed(self) -> bool:
        return self.status in (Status.KILLED, Status.TIMEOUT)


SUITES = ("pytest", "pgtap", "matrix")
"""The access matrix is one test for each object that its baseline names."""
_MATRIX = "access matrix of "


def name_matrix_tests(objects: Iterable[str]) -> list[str]:
    """The tests that compare the matrix of each object with its baseline."""
    return [f"{_MATRIX}{name}" for name in sorted(objects)]


def suite_of(test: str) -> str:
    """Which of SUITES a test belongs to."""
    if test.startswith(_MATRIX):
        return "matrix"
    return "pgtap" if test.endswith("::pgtap") else "pytest"


@dataclass(frozen=True, kw_only=True)
class _Equivalent:
    """An entry of the file of mutants that people found to be equivalent."""

    mutant: str
    reason: Annotated[str, Meta(pattern=r"\S")]


def read_equivalents(path: Path | None) -> Mapping[str, str]:
    """Reasons by mutant, from tables `[[equivalent]]`; none without a file. Raises ConfigError."""
    return {entry.mutant: entry.reason for entry in read_entries(path, "equivalent", _Equivalent)}
