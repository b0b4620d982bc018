"""The places in functions and policies where a probe can go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pgassay.errors import PgassayError, Place

Truth = Literal["true", "false", "null"]
TRUTHS: tuple[Truth, ...] = ("true", "false", "null")


class InstrumentError(PgassayError):
    """A function or a policy, the `subject`, in which probes cannot be placed with certainty."""

    def __init__(self, subject: str, *, why: str) -> None:
        super().__init__(f"Cannot place probes in {subject}.", why=why)
        self.subject = subject


@dataclass(frozen=True, kw_only=True)
class Point:
    """The `k`-th statement of a function, from 1, in the order of the text; `line` counts from 1, too.

    `kind` is PostgreSQL's name for it ("if", "assign", "execsql", "raise" …). A nested block is a statement,
    the outermost is none; neither is NULL. `text` is how it begins, in one line.
    """

    function: str
    k: int
    kind: str
    line: int
    place: Place | None
    text: str

    @property
    def name(self) -> str:
        """The function and k, as in `private.move_job()#3`."""
        return f"{self.function}#{self.k}"


@dataclass(frozen=True, kw_only=True)
class Branch(Point):
    """The `k`-th way through a function's decisions, from 1. `line` is where the word is that begins it.

    `kind` is "then", "elsif", "else", "when", "handler", "loop" (its body ran), or what is not written:
    "no else" (nothing held) and "no turn" (the body of a loop never ran).
    """

    @property
    def name(self) -> str:
        """The function and k, as in `private.move_job()~3`."""
        return f"{self.function}~{self.k}"


@dataclass(frozen=True, kw_only=True)
class Atom:
    """The `k`-th part of a policy, from 1, that is not made of AND, OR and NOT."""

    policy: str
    clause: str
    k: int
    text: str
    place: Place | None

    @property
    def name(self) -> str:
        """The policy and k, as in `"Own rows" on public.jobs@2`."""
        return f"{self.policy}@{self.k}"
