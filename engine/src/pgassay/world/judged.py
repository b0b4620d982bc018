"""What the atoms of a condition are on the rows at hand, by persona. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from pgassay.observation import Persona
from pgassay.solver.model import Atom, Condition, Truth

WAYS = (Truth.TRUE, Truth.NOT_TRUE)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What the atoms of a condition were found to be, by persona."""

    condition: Condition
    atoms: Sequence[Atom]
    people: Sequence[Persona]
    found: dict[tuple[int, Truth], set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, persona: Persona, atom: Atom, truth: Truth) -> None:
        kind = Truth.TRUE if truth is Truth.TRUE else Truth.NOT_TRUE
        self.found[atom.number, kind].add(persona.name)

    def reach(self, atom: Atom) -> dict[Truth, frozenset[str]]:
        return {kind: frozenset(self.found[atom.number, kind]) for kind in (Truth.TRUE, Truth.NOT_TRUE)}

    def is_done(self, persona: Persona) -> bool:
        """Whether every atom is both ways for somebody, or for this one."""
        return all(
            persona.name in self.found[atom.number, kind] or not self.lacks(atom, kind)
            for atom in self.atoms
            for kind in (Truth.TRUE, Truth.NOT_TRUE)
        )

    def lacks(self, atom: Atom, wanted: Truth, *, of_row: bool = True) -> bool:
        """Whether nobody has it both ways, and the one for whom it should be has not this one.

        What is not `of_row` is one way for each; so it shall be true for one and not for another.
        """
        reach = self.reach(atom)
        if not of_row:
            return not reach[wanted]
        if reach[Truth.TRUE] & reach[Truth.NOT_TRUE]:
            return False
        return not any(one.name in reach[wanted] for one in self.in_turn(atom, wanted)[:1])

    def in_turn(self, atom: Atom, wanted: Truth, *, of_row: bool = True) -> list[Persona]:
        """First those for whom only one way is missing; who shall not be what the first one is comes last."""
        reach = self.reach(atom)
        half = reach[Truth.TRUE] | reach[Truth.NOT_TRUE]
        people = self.people if of_row or wanted is Truth.TRUE else self.people[::-1]
        return sorted(people, key=lambda persona: (persona.id is None, persona.name not in half))

    def is_both(self, atom: Atom) -> bool:
        """Whether it is both ways for one and the same persona."""
        reach = self.reach(atom)
        return bool(reach[Truth.TRUE] & reach[Truth.NOT_TRUE])

    def half(self, atom: Atom) -> list[tuple[Persona, Truth]]:
        """Users for whom one way alone is missing, and which it is; the first one comes last."""
        reach = self.reach(atom)
        missing = [
            (persona, [way for way in WAYS if persona.name not in reach[way]])
            for persona in reversed(self.people)
            if persona.id is not None
        ]
        return [(persona, ways[0]) for persona, ways in missing if len(ways) == 1]
