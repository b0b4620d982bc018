"""Purses: numbers of each user's only row, which the user may not change, with enough in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pgassay.audit.model import ROWS, Step
from pgassay.audit.scene import Scene, own_condition, run
from pgassay.audit.signs import number_columns
from pgassay.audit.writes import given_row
from pgassay.catalog.model import Column
from pgassay.matrix.rows import Sample
from pgassay.observation import Persona

_ENOUGH = (5_000_000, 100_000, 30_000)


@dataclass(frozen=True, kw_only=True)
class Purse:
    """A number of each user's only row, which the user may not change."""

    sample: Sample
    column: Column
    enough: int

    def look(self, persona: Persona, test: str = "") -> str:
        own = own_condition(self.sample, persona)
        return f"select t.{self.column.quoted}::text from {self.sample.table.name} as t where {own}{test}"

    def more(self, persona: Persona) -> Step:
        return Step(statement=self.look(persona, f" and t.{self.column.quoted} > {self.enough}"), shows=ROWS)

    def setup(self, users: Sequence[Persona]) -> tuple[str, ...]:
        """Everybody has a row, with enough in it."""
        without = (u for u in users if not any(u.id in row.owners for row in self.sample.rows))
        given = filter(None, (given_row(self.sample, user) for user in without))
        return (*given, f"update {self.sample.table.name} set {self.column.quoted} = {self.enough}")

    def told(self, persona: Persona) -> str:
        return f"{self.column.name} of {persona.name}'s own row in {self.sample.object}"


def find_purses(scene: Scene, persona: Persona, samples: Iterable[Sample]) -> Iterator[Purse]:
    """Each with more than any price that there is, where its type has room for it."""
    for sample in samples:
        for column in number_columns(sample, persona):
            for enough in _ENOUGH:
                purse = Purse(sample=sample, column=column, enough=enough)
                with scene.session.undone():
                    fits = all(run(scene.session, None, text) for text in purse.setup(scene.users))
                if fits:
                    yield purse
                    break
