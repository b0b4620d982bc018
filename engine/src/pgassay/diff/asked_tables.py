"""What policies and checks of tables ask otherwise in HEAD, and what a solution lets somebody try. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pgassay.catalog.literals import Literals
from pgassay.catalog.names import quoted
from pgassay.diff.asked import Asked, Scene
from pgassay.diff.conditions import Contrast
from pgassay.diff.probes import (
    SearchProbe,
    probe_blanket,
    probe_insert,
    probe_reads,
    probe_update,
    probe_writes,
)
from pgassay.matrix import statements
from pgassay.matrix.model import Action
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import literal
from pgassay.matrix.subject import Subject, make_subjects
from pgassay.observation import Persona
from pgassay.solver.model import Condition, Reached, Source

_ROWS = 4  # that a persona tries to change


def find_tables(scene: Scene, personas: Sequence[Persona]) -> Iterator[AskedRow]:
    """Policies and checks of tables, for the roles of the personas."""
    samples: dict[str, Sample] = {}
    for sample in scene.samples:
        samples.setdefault(sample.table.name, sample)
    for one in scene.schemas.contrasts(scene.changes, [persona.role for persona in personas]):
        if one.table in samples:
            yield AskedRow(
                condition=Condition(
                    text=one.opened,
                    source=Source.CHECK if one.clause == "with check" else Source.USING,
                    table=one.table,
                    name=str(one),
                ),
                changes=one.changes,
                roles=(one.role,),
                texts=scene.texts(one.table),
                former=one.base,
                contrast=one,
                finds_alike=scene.schemas.finds_alike(one.table, one.role, one.action),
                sample=samples[one.table],
            )


@dataclass(frozen=True, kw_only=True)
class AskedRow(Asked):
    """Of a row that is there, or that shall be written.

    `finds_alike`: what a statement finds is the same on both sides, and what it leaves decides.
    """

    contrast: Contrast
    sample: Sample
    finds_alike: bool

    @property
    def action(self) -> Action:
        return self.contrast.action

    @property
    def unwritten(self) -> bool:
        return self.action is Action.INSERT

    @property
    def _is_written(self) -> bool:
        return self.contrast.clause == "with check"

    def prepare(self, reached: Reached) -> tuple[str, ...]:
        """Not the row that the persona itself shall write; one that was there before goes."""
        row = reached.row
        if not self._is_written or row is None:
            return reached.statements
        own = tuple(f"{verb} {row.table} " for verb in ("insert into", "update", "alter table"))
        others = tuple(
            text
            for made in reached.made
            for text in made.statements
            if made.purpose != row.purpose or not text.startswith(own)
        )
        if not self.unwritten or any(text.startswith(own[0]) for text in row.statements):
            return others
        key = tuple(row.values.get(name) for name in self.sample.key)
        where = statements.condition(self.sample.key, key)
        return (*others, f"delete from {row.table} where {where}")

    def probe(self, persona: Persona, reached: Reached, literals: Literals) -> Iterator[SearchProbe]:
        assert reached.row, "there is a row"
        values, action = reached.row.values, self.contrast.action
        key = tuple(values.get(name) for name in self.sample.key)
        row = Row(key=key, owners=frozenset(), state={}, values=values, changed=values)
        # As the row of a table whose rows are nobody's: it stays whose it is.
        ownership = None if self._is_written else self.sample.ownership
        [subject] = make_subjects([replace(self.sample, rows=(row,), ownership=ownership)], [persona])
        if action is Action.SELECT:
            yield from probe_reads(subject)
        elif action is Action.INSERT:
            yield from probe_insert(subject)
        elif not self._is_written:
            probes = (*probe_writes(subject, [row]), *probe_blanket(subject))
            yield from (one for one in probes if one.key.action is action)
        else:
            yield from self._updates(subject, values, literals)

    def _updates(
        self, subject: Subject, values: Mapping[str, str | None], literals: Literals
    ) -> Iterator[SearchProbe]:
        """Rows that are there get the values that the condition is about; then all that can be found.

        A statement that reads no column asks no policy for SELECT, neither before nor after.
        """
        held = subject.privileges.update & subject.table.updatable & literals.words
        changed = {name: value for name, value in values.items() if name in held}
        sets = ", ".join(f"{quoted(name)} = {literal(value)}" for name, value in changed.items())
        blindly = f"update {subject.table.name} set {sets}"
        wheres = [statements.condition(self.sample.key, row.key) for row in self.sample.rows[:_ROWS]]
        texts = [f"{blindly} where {where}" for where in wheres] + [blindly] * self.finds_alike
        for text in texts if changed else ():
            # Another key may be free: a constraint refuses what no policy does any more.
            yield replace(probe_update(subject, changed, text), invented=True)
