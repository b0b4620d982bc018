"""What a test has to do with a schema, from the statements that it sent. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from typing import NamedTuple

from pgassay.matrix.model import Action, Cell
from pgassay.mutation.things import bare_name, scan

_WRITES = frozenset(
    ("insert", "update", "delete", "merge", "truncate", "copy", "alter", "create", "drop", "call", "do")
)
# What describes a schema: catalogs, their functions, casts to what looks names up.
_DESCRIBING = (
    "pg_",
    "has_",
    "reg",
    "to_reg",
    "obj_",
    "col_",
    "information_schema",
    "aclexplode",
    "plpgsql_check",
)
_LONGEST = 10_000  # characters of what may hold names


class SentStatement(NamedTuple):
    """One statement: does it write, its words, the role that it sets (None: none; "": the login's)."""

    writes: bool
    words: frozenset[str]
    role: str | None


@dataclass(kw_only=True)
class Footprint:
    """Of one test, as far as it was noted. `words` by "role reads" and "role writes".

    `reached`: relations and functions that ran; only where `counts_calls`, the server counted functions.
    `described`: what it asked the catalog by, such as pg_proc; `structural`: it asks about all that it names,
    as pgTAP's functions do, by whatever role. `sees`: it sent a statement at all. `lines`: where statements
    of a function ran, from 1 in its body; of those functions that were counted.
    """

    words: dict[str, frozenset[str]] = field(default_factory=dict)
    reached: frozenset[str] = frozenset()
    lines: dict[str, frozenset[int]] = field(default_factory=dict)
    described: frozenset[str] = frozenset()
    counts_calls: bool = False
    structural: bool = False
    sees: bool = False
    seconds: float = 0.0

    def note(self, role: str, part: SentStatement, *, by_test: bool) -> None:
        """A statement of `role`; `by_test` where the engine did not send it for purposes of its own."""
        self.sees = True
        if not by_test and "pg_catalog" in part.words:  # the engine asks about everything
            return
        how = f"{role} {'writes' if part.writes else 'reads'}"
        self.words[how] = self.words.get(how, frozenset()) | part.words
        if by_test:
            self.described |= {word for word in part.words if word.startswith(_DESCRIBING)}

    def describes(self, catalogs: tuple[str, ...]) -> bool:
        """Whether it asked the catalog by a word that begins with one of these."""
        return any(word.startswith(catalogs) for word in self.described)

    def uses(self, names: frozenset[str]) -> bool:
        """Whether any statement names one of these."""
        return any(names & words for words in self.words.values())

    def writes(self, names: frozenset[str]) -> bool:
        """Whether any statement that writes names one of these."""
        return any(names & words for how, words in self.words.items() if how.endswith(" writes"))

    @property
    def roles(self) -> frozenset[str]:
        """Who sent the statements."""
        return frozenset(how.rpartition(" ")[0] for how in self.words)

    def uses_as(self, roles: frozenset[str], names: frozenset[str]) -> bool:
        """Whether a statement of one of `roles` names one of these."""
        return any(names & words for how, words in self.words.items() if how.rpartition(" ")[0] in roles)


def words_of_cells(cells: Iterable[Cell]) -> dict[str, frozenset[str]]:
    """The words of a footprint of who tried these cells of an access matrix.

    What a write did besides belongs to it: a trigger or a foreign key took it there.
    """
    words: dict[str, frozenset[str]] = defaultdict(frozenset)
    for cell in cells:
        own = frozenset((bare_name(cell.key.table), *words_of(tuple(scan(cell.key.variant)))))
        others = {bare_name(change.table) for result in cell.results for change in result.effects}
        words[f"{cell.witness.persona.role} reads"] |= own
        if cell.key.action not in (Action.EXECUTE, Action.USAGE):  # asked of the catalog
            words[f"{cell.witness.persona.role} writes"] |= own | others
    return dict(words)


@cache
def dissect(text: str) -> tuple[SentStatement, ...]:
    """The statements of a text."""
    return tuple(_part(tokens) for tokens in _split(scan(text)))


def _split(tokens: list[str]) -> Iterator[list[str]]:
    for ends, group in groupby(tokens, key=lambda word: word == ";"):
        if not ends:
            yield list(group)


def _part(tokens: list[str]) -> SentStatement:
    words = frozenset() if "set_config" in tokens else words_of(tuple(tokens))
    lower = [token.lower() for token in tokens]
    return SentStatement(writes=bool(_WRITES & {*lower}), words=words, role=_role(lower))


def _role(tokens: list[str]) -> str | None:
    """The role that a statement changes to; the end of a transaction gives up what was local to it."""
    match tokens:
        case ["set", "role", name] | ["set", "local" | "session", "role", name]:
            return "" if name in ("none", "default") else name
        case ["reset", "role" | "all"] | ["commit" | "rollback"]:
            return ""
    return None


def words_of(tokens: tuple[str, ...]) -> frozenset[str]:
    """Identifiers, and those inside strings ('public.jobs', $$select …$$), but for documents."""
    found: set[str] = set()
    for token in tokens:
        if token.isidentifier():
            found.add(token)
        elif 1 < len(token) < _LONGEST and (inner := scan(token)) != [token]:
            found |= words_of(tuple(inner))
    return frozenset(word for word in found if word.isidentifier() and len(word) < _LONGEST)
