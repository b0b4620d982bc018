"""Functions of a database, and the places in them where a probe can go."""

from __future__ import annotations

from dataclasses import dataclass

from pgassay.errors import Place


@dataclass(frozen=True, kw_only=True)
class Function:
    """A PL/pgSQL function or procedure as the catalog has it.

    `signature` is its regprocedure, with the schema; `definition` is pg_get_functiondef's; `body` is its
    prosrc; `place` is where the body's first line is in a file, if that is known.
    """

    signature: str
    definition: str
    body: str
    place: Place | None = None


@dataclass(frozen=True, kw_only=True)
class Point:
    """The `k`-th statement of a function, from 1, in the order of the text; `line` counts from 1, too.

    `kind` is PostgreSQL's name for it ("if", "assign", "execsql", "raise" …). A nested block is a statement,
    the outermost is none; neither is NULL.
    """

    function: str
    k: int
    kind: str
    line: int
    place: Place | None

    @property
    def name(self) -> str:
        """The function and k, as in `private.move_job()#3`."""
        return f"{self.function}#{self.k}"


@dataclass(frozen=True, kw_only=True)
class Branch:
    """The `k`-th way through a function's decisions, from 1. `line` is where the word is that begins it.

    `kind` is "then", "elsif", "else", "when", "handler", "loop" (its body ran), or what nobody wrote: "no else"
    (nothing held) and "no turn" (the body of a loop never ran).
    """

    function: str
    k: int
    kind: str
    line: int
    place: Place | None

    @property
    def name(self) -> str:
        return f"{self.function}~{self.k}"
