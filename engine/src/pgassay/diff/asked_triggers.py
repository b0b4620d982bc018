"""What triggers ask of a row that is written, where HEAD's ask otherwise; and writes that meet it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from pglast import ast, parser
from pglast.enums import BoolExprType
from pglast.visitors import Visitor

from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Function, ObjectKey, Trigger
from pgassay.catalog.names import quoted
from pgassay.catalog.tables import Privileges, Table
from pgassay.diff.asked import Scene
from pgassay.diff.asked_tables import AskedRow
from pgassay.diff.bodies import read_function
from pgassay.diff.conditions import Contrast, ask
from pgassay.diff.probes import SearchProbe, probe_insert, probe_update
from pgassay.diff.queries import contrast
from pgassay.diff.questions import Question
from pgassay.diff.weights import Scales
from pgassay.matrix import statements
from pgassay.matrix.model import Action
from pgassay.matrix.rows import Row
from pgassay.matrix.statements import literal
from pgassay.matrix.subject import Subject, make_subjects
from pgassay.observation import Persona
from pgassay.solver.logic import conjuncts
from pgassay.solver.model import Condition, Reached, Source
from pgassay.solver.scope import Node, Scope, Term, parse_expression, write
from pgassay.solver.syntax import junction

_CONDITIONS = 8  # of a trigger
_ROWS = 6  # of one's own
_NEW = "new"


def find_triggers(scene: Scene, personas: Sequence[Persona]) -> Iterator[AskedTrigger]:
    """Triggers that are others, or call what is, on tables that roles under policies write."""
    samples = {one.table.name: one for one in reversed(scene.samples) if one.table.stored}
    keys = {one.key for one in scene.changes if one.key.kind in ("trigger", "function")}
    functions = {one.function: one for one in scene.schema.catalog.of(Function)}
    former = {one.function for one in scene.former}
    for trigger in scene.schema.catalog.of(Trigger):
        own, its = (
            ObjectKey("trigger", trigger.table, trigger.name),
            ObjectKey("function", trigger.function, ""),
        )
        sample, function = samples.get(trigger.table), functions.get(trigger.function)
        called = scene.reach(trigger.function) & former
        if sample is None or function is None or (keys.isdisjoint((own, its)) and not called):
            continue
        changes = tuple(one for one in scene.changes if one.key in (own, its) or one.key.object in called)
        texts = dict.fromkeys(_find_texts(scene, trigger, function, sample.table))
        for text in islice(texts, _CONDITIONS):
            for role in dict.fromkeys(persona.role for persona in personas):
                if action := _writes(sample.table.privileges.get(role), text):
                    allowed = ask(sample.table.privileges[role], action, "with check")
                    yield AskedTrigger(
                        condition=Condition(
                            text=f"({text}) and ({allowed})",
                            source=Source.CHECK,
                            table=sample.table.name,
                            name=f"if in {trigger.function}, on {sample.table.name} by {role}",
                        ),
                        changes=changes,
                        roles=(role,),
                        texts=(),
                        contrast=Contrast(
                            table=sample.table.name,
                            action=action,
                            clause="with check",
                            role=role,
                            base="false",
                            head=text,
                            changes=changes,
                        ),
                        finds_alike=False,
                        sample=sample,
                        scales=scene.scales,
                        names=find_literals([text]).words,
                    )


@dataclass(frozen=True, kw_only=True)
class AskedTrigger(AskedRow):
    """Of a row that is written; `names`: the columns that decide. After the write the owner weighs."""

    scales: Scales
    names: frozenset[str]

    def probe(self, persona: Persona, reached: Reached, _: object) -> Iterator[SearchProbe]:
        assert reached.row, "there is a row"
        values = reached.row.values
        key = tuple(values.get(name) for name in self.sample.key)
        row = Row(key=key, owners=frozenset(), state={}, values=values, changed=values)
        [subject] = make_subjects([replace(self.sample, rows=(row,), ownership=None)], [persona])
        own = [one for one in self.sample.rows if persona.id in one.owners]
        for probe in (*self._update(subject, values, own[:_ROWS]), *probe_insert(subject)):
            yield self.scales.put(probe) or probe

    def _update(
        self, subject: Subject, values: Mapping[str, str | None], rows: Sequence[Row]
    ) -> Iterator[SearchProbe]:
        held = sorted(subject.privileges.update & subject.table.updatable & self.names)
        sets = ", ".join(f"{quoted(name)} = {literal(values[name])}" for name in held)
        for row in rows if held else ():
            where = statements.condition(self.sample.key, row.key)
            yield probe_update(subject, held, f"update {subject.table.name} set {sets} where {where}")


def _writes(held: Privileges | None, text: str) -> Action | None:
    """How a role whom policies bind may write a column of the condition."""
    if held is None or not held.usage or not held.filtered:
        return None
    names = find_literals([text]).words
    return Action.UPDATE if held.update & names else Action.INSERT if held.insert & names else None


def _find_texts(scene: Scene, trigger: Trigger, function: Function, table: Table) -> Iterator[str]:
    """What only one side asks of the row, by IF or by WHEN, as a condition of the row."""
    said = scene.schemas.before.objects.get(ObjectKey("function", trigger.function, ""), {})
    before: tuple[Question, ...] = ()
    if body := scene.schemas.former.rename(said.get("body", "")):
        definition = function.definition.replace(function.body, body)
        before = read_function(replace(function, body=body, definition=definition), scene.schema)
    for departure in contrast(before, read_function(function, scene.schema)):
        yield from _of_row(departure.text, table)
    former = scene.schemas.before.objects.get(ObjectKey("trigger", trigger.table, trigger.name), {})
    when = _read_when(trigger.definition)
    if when != _read_when(former.get("definition", "")):
        yield from _of_row(when, table)


def _read_when(definition: str) -> str:
    try:
        [raw] = parser.parse_sql(definition)
    except (parser.ParseError, ValueError):
        return ""
    when = raw.stmt.whenClause if isinstance(raw.stmt, ast.CreateTrigStmt) else None
    return write(when) if when is not None else ""


def _of_row(text: str, table: Table) -> Iterator[str]:
    """The parts of a condition that the row alone decides; nothing of one that has none."""
    try:
        node = parse_expression(text) if text else None
    except parser.ParseError:
        return
    parts = [part.node for part in conjuncts(Term(node, Scope()))] if node is not None else []
    kept = [part for part in parts if _Reading(table).reads_row(part)]
    if kept:
        yield write(junction(BoolExprType.AND_EXPR, *kept))


class _Reading(Visitor):
    """Puts `column` in place of `new.column`; what else is read only the function knows."""

    def __init__(self, table: Table) -> None:
        super().__init__()
        self._names = table.columns.keys()
        self._is_other = self._is_new = False

    def reads_row(self, node: Node) -> bool:
        self(node)
        return self._is_new and not self._is_other

    def visit_ColumnRef(self, _: object, node: Node) -> None:  # noqa: N802 - pglast's name
        names = [part.sval for part in node.fields if isinstance(part, ast.String)]
        if len(names) == 2 and names[0] == _NEW and names[1] in self._names:
            node.fields = node.fields[1:]
            self._is_new = True
        else:
            self._is_other = True

    def visit_SubLink(self, *_: object) -> None:  # noqa: N802
        self._is_other = True
