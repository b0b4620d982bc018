"""Marks: columns in which owners say of a row that it is out, or withdrawn; what the schema makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import Call, callable_by, make_calls, samples_of
from pgassay.audit.reach import measure_seen
from pgassay.audit.scene import Scene, run
from pgassay.audit.writes import owner_columns
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column, Constraint, Index
from pgassay.catalog.names import quoted
from pgassay.database.pipeline import Answer
from pgassay.matrix.model import Action, RowClass
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import AS_OWNER, MOMENTS, TEXTS, literal
from pgassay.observation import Outcome, Persona

_SOME_MOMENT = "2001-02-03"


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A column of a table and a value; `why`: what else of the schema leaves rows out by it, if anything."""

    sample: Sample
    column: Column
    value: str
    why: str = ""

    @property
    def statement(self) -> str:
        """What marks every row that the one who says it may change."""
        return f"update {self.sample.table.name} set {self.column.quoted} = {literal(self.value)}"


def find_marks(scene: Scene, sample: Sample) -> Iterator[Mark]:
    """Of columns that no policy for SELECT of the table asks for, and that nothing but a statement sets."""
    asked = _asked(scene, sample, reading=True)
    for column in sample.table.columns.values():
        if column.name in asked | owner_columns(sample) or column.generated:
            continue
        some = [Mark(sample=sample, column=column, value=value) for value in _values(scene, sample, column)]
        some = [mark for mark in some if _is_kept(scene, mark)]
        used = next((m for mark in some if (m := _used(scene, mark))), None)
        if used or (some and column.base in (*MOMENTS, "bool")):
            yield used or some[0]


def owners_set(scene: Scene, mark: Mark) -> bool:
    """Whether a user may set it in a row of his own."""
    users = {persona.name for persona in scene.users}
    return any(
        cell.key.persona in users
        and cell.key.rows is RowClass.OWN
        and cell.key.variant.split("=")[0] == mark.column.name
        and cell.outcome is Outcome.ALLOWED
        for cell in scene.cells.get((mark.sample.object, Action.UPDATE), ())
    )


def _asked(scene: Scene, sample: Sample, *, reading: bool) -> frozenset[str]:
    policies = [
        p for p in scene.policies.get(sample.table.oid, ()) if (p.command in ("select", "all")) == reading
    ]
    return find_literals(text for policy in policies for _, text in policy.clauses).words


def _values(scene: Scene, sample: Sample, column: Column) -> list[str]:
    """A moment that is not there at first; both truth values; labels; texts that a CHECK names."""
    if column.base in MOMENTS:
        return [] if column.not_null or column.default else [_SOME_MOMENT]
    if column.base == "bool":
        return ["true", "false"]
    if column.labels or column.base not in TEXTS:
        return list(column.labels)
    checks = [
        c.definition
        for c in scene.catalog.parts(Constraint).get(sample.table.oid, ())
        if c.type == "c" and c.columns == (column.name,)
    ]
    return [text for text in find_literals(checks).strings if text][:8]


def _is_kept(scene: Scene, mark: Mark) -> bool:
    """Whether the value stays as it was set: what a trigger writes is its own business."""
    table = mark.sample.table
    look = f"select 1 from {table.name} where {mark.column.quoted} is distinct from {literal(mark.value)}"
    others = (
        c for c in table.columns.values() if c is not mark.column and not c.generated and not c.identity
    )
    other = next(others, None)
    touch = f"update {table.name} set {other.quoted} = {other.quoted}" if other else "select 1"
    with scene.session.undone():
        if not run(scene.session, None, mark.statement) or not run(scene.session, None, touch):
            return False
        [answer] = scene.ask(None, [[look]])
    return not answer.sqlstate and not answer.rows[0]


def _used(scene: Scene, mark: Mark) -> Mark | None:
    reasons = (_of_policies, _of_indexes, _of_views, _of_functions)
    why = next((text for reason in reasons for text in reason(scene, mark)), "")
    return Mark(sample=mark.sample, column=mark.column, value=mark.value, why=why) if why else None


def _of_policies(scene: Scene, mark: Mark) -> Iterator[str]:
    if mark.column.name in _asked(scene, mark.sample, reading=False):
        yield "policies for writes ask for it"


def _of_indexes(scene: Scene, mark: Mark) -> Iterator[str]:
    for index in scene.catalog.parts(Index).get(mark.sample.table.oid, ()):
        if mark.column.name in find_literals([index.predicate]).words:
            yield f"the index {quoted(index.name)} leaves rows out by it"


def _of_views(scene: Scene, mark: Mark) -> Iterator[str]:
    """What depends on the table shows less, to its owner or to somebody, once rows are marked."""
    table = mark.sample.table.name
    only = scene.dependents(table) - {table}
    if any(set(index.columns) <= owner_columns(mark.sample) for index in mark.sample.table.unique):
        # What a row says of its user hides what is his, and not the row: but in a view of such rows.
        only = frozenset(name for name in only if scene.surface.by_name[name].kind in "vm")
    for persona in (None, *scene.people) if only else ():
        before = measure_seen(scene, persona, only)
        with scene.session.undone():
            run(scene.session, None, mark.statement)
            after = measure_seen(scene, persona, only)
        for name, keys in before.seen.items():
            if len(after.seen.get(name, ())) < len(keys):
                yield f"{name} leaves rows out by it"


def _of_functions(scene: Scene, mark: Mark) -> Iterator[str]:
    """A function tells less once rows are marked, or marks rows itself."""
    counts = f"select count(*) from {mark.sample.table.name} where {mark.column.quoted} is not null"
    for persona in scene.users[:1]:
        for function in callable_by(scene, persona):
            named = mark.column.name in find_literals([function.text]).words
            if not named or mark.sample not in samples_of(scene, function):
                continue
            calls = [
                Call(function=function, arguments=some, persona=persona)
                for some in argument_lists(scene, function)
            ]
            yield from _differ(scene, mark, persona, calls, counts)


def _differ(scene: Scene, mark: Mark, persona: Persona, calls: list[Call], counts: str) -> Iterator[str]:
    before = make_calls(scene, persona, calls, AS_OWNER, counts)
    with scene.session.undone():
        run(scene.session, None, mark.statement)
        after = make_calls(scene, persona, calls, AS_OWNER, counts)
    name = calls[0].function.function
    pairs = list(zip(before, after, strict=False))
    if any(_rows(now) < _rows(was) for (_, was), (_, now) in pairs):
        yield f"{name} leaves rows out by it"
    [plain] = scene.ask(None, [[counts]])
    if any(not was.sqlstate and was.rows[2] != plain.rows[0] for _, was in before):
        yield f"{name} sets it"


def _rows(answer: Answer) -> int:
    return -1 if answer.sqlstate else len(answer.rows[0])
