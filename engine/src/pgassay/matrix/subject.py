"""One persona before one table: which rows are whose, and what its role holds there. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from pgassay.catalog.model import Column
from pgassay.catalog.tables import Privileges, Table
from pgassay.matrix.model import Action, CellKey, Gap, Probe, RowClass, Witness
from pgassay.matrix.rows import ROWS_OF_A_CLASS, Row, Sample
from pgassay.matrix.statements import condition
from pgassay.observation import Persona
from pgassay.world.ownership import OwnerPaths

Question = tuple[Probe, ...]
"""What one cell asks: probes in the order to try them, all of one persona."""


def make_subjects(samples: Sequence[Sample], personas: Sequence[Persona]) -> list[Subject]:
    """Each persona before each table."""
    ids = [persona.id for persona in personas if persona.id is not None]
    return [
        Subject(sample=sample, persona=persona, others=tuple(i for i in ids if i != persona.id))
        for persona in personas
        for sample in samples
    ]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """`persona` before the rows of `sample`; `others` are the ids of the other personas."""

    sample: Sample
    persona: Persona
    others: tuple[str, ...]

    @property
    def table(self) -> Table:
        return self.sample.table

    @property
    def privileges(self) -> Privileges:
        return self.table.privileges[self.persona.role]

    @cached_property
    def rows(self) -> Mapping[RowClass, tuple[Row, ...]]:
        """The rows to try by class; a class without rows is not there."""
        found: dict[RowClass, list[Row]] = defaultdict(list)
        for row in self.sample.rows:
            found[self._class_of(row)].append(row)
        return {rows: tuple(_choose(some)) for rows, some in sorted(found.items(), key=lambda i: i[0].value)}

    def _class_of(self, row: Row) -> RowClass:
        if self.sample.ownership is None:
            return RowClass.PUBLIC
        if self.persona.id in row.owners:
            return RowClass.OWN
        return RowClass.OTHER if row.owners else RowClass.NOBODY

    @property
    def classes(self) -> tuple[RowClass, ...]:
        """The classes that can have rows at all."""
        ownership = self.sample.ownership
        if ownership is None:
            return (RowClass.PUBLIC,)
        own = (RowClass.OWN,) if self.persona.id is not None else ()
        return (*own, RowClass.OTHER, *((RowClass.NOBODY,) if self._may_be_nobodys(ownership) else ()))

    def _may_be_nobodys(self, ownership: OwnerPaths) -> bool:
        if self.table.kind in "vm":  # every column of a view counts as nullable
            return RowClass.NOBODY in self.rows
        return not any(self.table.columns[name].not_null for name in ownership.columns)

    @property
    def blind(self) -> bool:
        """Its role can not name a row: it may not read the columns of the key."""
        return not self.privileges.select.issuperset(self.sample.key)

    def gaps(self) -> Iterator[Gap]:
        """The classes without a row to try."""
        for rows in self.classes:
            if rows not in self.rows:
                sample = self.sample
                yield Gap(persona=self.persona.name, object=sample.object, rows=rows, why=sample.unread)

    def key(self, action: Action, variant: str, rows: RowClass) -> CellKey:
        return CellKey(
            persona=self.persona.name, object=self.sample.object, action=action, variant=variant, rows=rows
        )

    def where(self, row: Row) -> str:
        """The condition that names a row."""
        return condition(self.sample.key, row.key)

    def ask(
        self, action: Action, variant: str, rows: RowClass, *statements: tuple[str, Row | None]
    ) -> Question:
        """A question about each statement with the row that it is aimed at, or at whatever rows there are."""
        key = self.key(action, variant, rows)
        return tuple(self.probe(key, text, row, state=row.state if row else {}) for text, row in statements)

    def probe(self, key: CellKey, statement: str, row: Row | None, *, state: Mapping[str, str]) -> Probe:
        """A statement aimed at a row in a state."""
        named = self.where(row) if row else ""
        return Probe(
            key=key, witness=Witness(persona=self.persona, statement=statement, row=named), state=state
        )

    def owner_value(self, column: Column, rows: RowClass, *, besides: str | None) -> str | None:
        """A value for a column in which a path to the user begins, that makes a row one of class `rows`."""
        if rows is RowClass.NOBODY:
            return None
        values = [row.values[column.name] for row in self.rows.get(rows, ())]
        if self.sample.ownership and column.name in self.sample.ownership.direct:
            values += [self.persona.id] if rows is RowClass.OWN else self.others
        return next((value for value in values if value not in (None, besides)), None)


def _choose(rows: Sequence[Row]) -> Iterator[Row]:
    """At most ROWS_OF_A_CLASS; first those that bring a new owner or value of a feature."""
    seen: set[tuple[str, str]] = set()
    later: list[Row] = []
    chosen = 0
    for row in rows:
        features = {*row.state.items(), *(("", owner) for owner in row.owners)}
        if not features <= seen and chosen < ROWS_OF_A_CLASS:
            seen |= features
            chosen += 1
            yield row
        else:
            later.append(row)
    yield from later[: max(0, ROWS_OF_A_CLASS - chosen)]
