"""Rows that a user changes and did not make: whoever made them said at first what stands in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgassay.audit.model import OF_VALUES, Step, Steps
from pgassay.audit.scene import Scene, run
from pgassay.audit.writes import make_room, naming_columns, own_inserts, owner_columns, values_for
from pgassay.catalog.names import quoted
from pgassay.matrix import statements
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import MOMENTS, TEXTS
from pgassay.observation import Persona

_ROWS = 3


@dataclass(frozen=True, kw_only=True)
class Given:
    """A row of a persona's; `refused` are steps by which it may make none such, where it may try.

    `answered`: it changes only together with an answer.
    """

    sample: Sample
    row: Row
    persona: Persona
    refused: Steps = ()
    answered: bool = False

    @property
    def named(self) -> str:
        return statements.condition(self.sample.key, self.row.key)

    def update(self, column: str, value: str | None) -> str:
        text = statements.literal(value)
        return statements.update(self.sample.table, column, text, where=self.named)

    def answer(self, answer: tuple[str, str], column: str, value: str | None) -> str:
        """One UPDATE that answers and changes a column."""
        name, text = answer
        sets = f"{quoted(column)} = {statements.literal(value)}, {quoted(name)} = {statements.literal(text)}"
        return f"update {self.sample.table.name} set {sets} where {self.named}"

    def look(self, column: str, value: str | None) -> str:
        """What the owner sees if the row says so."""
        said = statements.condition((column,), (value,))
        return f"select 1 from {self.sample.table.name} where {self.named} and {said}"


def find_given(scene: Scene, sample: Sample, persona: Persona, *, answering: bool = False) -> Iterator[Given]:
    """The first such rows; where none says whose it is, those that no other user changes.

    With `answering` also those that one changes only by an answer, such as a state that must be another then.
    """
    table = sample.table
    held = table.privileges[persona.role]
    is_plain = table.kind in "rp" and sample.object == table.name and scene.is_the_projects(table)
    if not (is_plain and sample.key and held.update and held.usage):
        return
    rows = [row for row in sample.rows if sample.ownership is None or persona.id in row.owners]
    mine = _touched(scene, sample, persona, rows, answering=answering)
    if sample.ownership is None:
        for other in scene.users:
            theirs = [] if other == persona else _touched(scene, sample, other, mine, answering=answering)
            mine = [row for row in mine if row not in theirs]
    if mine and (refused := _refused(scene, sample, persona)) is not None:
        plainly = _touched(scene, sample, persona, mine[:_ROWS], answering=False)
        for row in mine[:_ROWS]:
            yield Given(sample=sample, row=row, persona=persona, refused=refused, answered=row not in plainly)


def find_answers(scene: Scene, sample: Sample, persona: Persona, row: Row) -> list[tuple[str, str]]:
    """Columns and values by which a user answers: a moment, that it is so, or another state of it."""
    held = sample.table.privileges[persona.role].update - naming_columns(sample)
    tries: list[tuple[str, str]] = []
    for column in [c for c in sample.table.columns.values() if c.name in held and not c.generated]:
        now = row.values[column.name]
        if column.base in MOMENTS and now is None:
            tries.append((column.name, "2001-02-03"))
        elif column.base == "bool" and now not in ("t", "true"):
            tries.append((column.name, "true"))
        elif (column.base in TEXTS or column.labels) and column.name in scene.said:
            tries += [(column.name, value) for value in values_for(scene, sample, column, besides=now)]
    where = statements.condition(sample.key, row.key)
    texts = [statements.update(sample.table, n, statements.literal(v), where=where) for n, v in tries]
    answers = scene.ask(persona, [[text] for text in texts])
    return [
        one
        for one, a in zip(tries, answers, strict=True)
        if (a.sqlstate[:2] in OF_VALUES if a.sqlstate else a.counts[0] > 0)  # perhaps there is no room
    ]


def _touched(
    scene: Scene, sample: Sample, persona: Persona, rows: list[Row], *, answering: bool
) -> list[Row]:
    """Those that an UPDATE reaches."""
    held = sample.table.privileges[persona.role].update
    column = next((c for c in sample.table.columns.values() if c.name in held and not c.generated), None)
    if column is None:
        return []
    texts = [
        statements.update(
            sample.table, column.name, column.quoted, where=statements.condition(sample.key, row.key)
        )
        for row in rows
    ]
    answers = scene.ask(persona, [[text] for text in texts])
    return [
        row
        for row, a in zip(rows, answers, strict=True)
        if (answering and find_answers(scene, sample, persona, row) if a.sqlstate else a.counts[0] > 0)
    ]


def _refused(scene: Scene, sample: Sample, persona: Persona) -> Steps | None:
    """Steps in which an INSERT of an own row is refused; None where one is not, or only for its values."""
    held = sample.table.privileges[persona.role]
    if not held.insert:
        return ()
    writes = list(own_inserts(sample, persona))
    if not writes:
        return None if held.admits("insert") else ()
    room = make_room(sample, persona) if owner_columns(sample) else "select 1"
    with scene.session.undone():
        if not run(scene.session, None, room):
            return None
        codes = [answer.sqlstate for answer in scene.ask(persona, [[one.statement] for one in writes])]
    if not all(code and code[:2] not in OF_VALUES for code in codes):
        return None
    return (Step(statement=room), Step(who=persona, statement=writes[0].statement, shows=codes[0]))
