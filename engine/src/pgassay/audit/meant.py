"""Whether a read that policies open to everybody is meant: what else the schema does speaks against it.

Names of tables and columns say nothing here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from pglast import parser
from pglast.visitors import Skip, Visitor

from pgassay.audit.buckets import is_about, parted_by
from pgassay.audit.reach import measure, measure_seen
from pgassay.audit.scene import Scene, run
from pgassay.audit.words import join
from pgassay.audit.writes import owner_columns, values_for
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column, Policy
from pgassay.catalog.names import quoted
from pgassay.catalog.tables import Table
from pgassay.matrix.model import Action, RowClass
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import TEXTS, condition, literal
from pgassay.observation import Outcome, Persona

_OF_NETWORKS = ("inet", "cidr", "macaddr", "macaddr8")
_VALUES = 8
_NOBODYS = "pgassay-nobody"
_KEPT_OUT = (Outcome.FILTERED, Outcome.DENIED_GRANT, Outcome.DENIED_POLICY)
_WRITES = (Action.INSERT, Action.UPDATE, Action.DELETE)


def is_open(table: Table, policy: Policy) -> bool:
    """Whether it asks nothing of a row, however it is spelled: `true`, `auth.uid() is not null`."""
    if not policy.permissive or policy.using is None:
        return False
    # What is always there is not asked for.
    return columns_of(policy.using, {c.name for c in table.columns.values() if c.not_null}).isdisjoint(
        table.columns
    )


class _Columns(Visitor):
    """Collects the names of columns; names of types, such as `text`, are others."""

    def __init__(self, there: Collection[str] = ()) -> None:
        self.found: set[str] = set()
        self._there = there

    def visit_NullTest(self, _: object, node: Any) -> Any:  # noqa: ANN401, N802
        last = (getattr(node.arg, "fields", None) or [None])[-1]
        return Skip if getattr(last, "sval", None) in self._there else None

    def visit_ColumnRef(self, _: object, node: Any) -> None:  # noqa: ANN401, N802
        self.found |= {name for field in node.fields if (name := getattr(field, "sval", ""))}


def columns_of(expression: str, there: Collection[str] = ()) -> set[str]:
    """What it asks for; not whether there is anything in those that are always `there`."""
    visitor = _Columns(there)
    visitor(parser.parse_sql(f"select {expression}"))
    return visitor.found


def owns_rows(scene: Scene, view: Table, rows: RowClass) -> bool:
    """Whether somebody has such rows of a view, or of what it reads, where the view does not say whose."""
    if rows is not RowClass.PUBLIC:
        return True
    below = scene.inventory.reach(view.name) - {view.name}
    return any(sample.ownership and sample.object in below for sample in scene.samples)


def reaches_all(scene: Scene, sample: Sample, persona: Persona, verb: str) -> bool:
    """Whether no other value of what policies ask for keeps a row back: all may just happen to be reached."""
    asked = [p for p in sample.table.privileges[persona.role].policies if p.command in (verb, "all")]
    words = find_literals(policy.using or "" for policy in asked).words
    if sample.table.kind not in "rp" or not sample.table.secured:
        return True
    fixed = owner_columns(sample) | set(sample.key)
    columns = [c for c in sample.table.columns.values() if c.name in words - fixed and not c.generated]
    before = _reached(scene, sample, persona, verb)
    for column in columns:
        values = values_for(scene, sample, column, besides=None)[:_VALUES]
        for value in [*values, *(() if column.not_null else (None,))]:
            with scene.session.undone():
                set_ = f"update {sample.table.name} set {column.quoted} = {literal(value)}"
                ran = run(scene.session, None, set_)
                if ran and _reached(scene, sample, persona, verb) < before:
                    return False
    keys = [c for c in sample.table.columns.values() if c.name in words and _tells_apart(sample, c)]
    return not any(_leaves(scene, sample, persona, verb, column) for column in keys)


def _tells_apart(sample: Sample, column: Column) -> bool:
    """Whether it is a text of the key, such as a path, and not the same for all, as a bucket is."""
    values = {row.values[column.name] for row in sample.rows}
    return column.name in sample.key and column.base in TEXTS and len(values) > 1


def _leaves(scene: Scene, sample: Sample, persona: Persona, verb: str, column: Column) -> bool:
    """Whether one of the rows is out of reach once it is in a folder of nobody; its file stays what it is."""
    before = _reached(scene, sample, persona, verb)
    for row in sample.rows:
        where = condition(sample.key, row.key)
        path = f"{_NOBODYS}/{(row.values[column.name] or '').rpartition('/')[2]}"
        move = f"update {sample.table.name} set {column.quoted} = {literal(path)} where {where}"
        with scene.session.undone():
            if run(scene.session, None, move) and _reached(scene, sample, persona, verb) < before:
                return True
    return False


def _reached(scene: Scene, sample: Sample, persona: Persona, verb: str) -> int:
    if verb == "select":
        return len(measure_seen(scene, persona, [sample.table.name]).seen.get(sample.object, ()))
    return measure(scene, persona, [sample.table.name]).written.get((sample.object, verb), 0)


def speaks_against(
    scene: Scene, sample: Sample, readers: Sequence[Persona], *, published: bool = False
) -> str:
    """The first reason to think that nobody meant all of `readers` to read every row, if there is any.

    `published`: the server may have written rows for everybody, unless they are marked.
    """
    reasons = (
        *(_narrower, _compared_elsewhere, _addressed, _private, _shown_in_part, _of_networks),
        *(() if published else (_written_for,)),
    )
    return next((why for reason in reasons for why in reason(scene, sample, readers)), "")


def _narrower(_: Scene, sample: Sample, readers: Sequence[Persona]) -> Iterator[str]:
    """A policy for SELECT, too, that lets fewer rows through, decides nothing."""
    for reader in readers:
        held = sample.table.privileges[reader.role].policies
        some = [p for p in held if p.command == "select" and is_about(sample, p)]
        wide = [policy for policy in some if is_open_here(sample, policy)]
        narrow = [policy for policy in some if policy.permissive and policy not in wide]
        if wide and narrow:
            yield f'"{narrow[0].name}" lets only some through, and decides nothing beside "{wide[0].name}"'


def _private(scene: Scene, sample: Sample, _: Sequence[Persona]) -> Iterator[str]:
    for policy in parted_by(scene, sample):
        yield f'the bucket is private, and "{policy.name}" asks whose an object is'


def is_open_here(sample: Sample, policy: Policy) -> bool:
    """Also where it asks for the bucket that all these objects are in, and nothing else."""
    if not sample.bucket or sample.bucket not in find_literals([policy.using or ""]).strings:
        return is_open(sample.table, policy)
    return columns_of(policy.using or "").isdisjoint(sample.table.columns.keys() - {"bucket_id"})


def _compared_elsewhere(scene: Scene, sample: Sample, readers: Sequence[Persona]) -> Iterator[str]:
    """A policy asks if somebody stands in a table, and others if he does so for a column of the row."""
    wide = dict.fromkeys(
        policy
        for reader in readers
        for policy in sample.table.privileges[reader.role].policies
        if policy.command in ("select", "all") and is_open(sample.table, policy)
    )
    for policy in wide:
        if find_literals([policy.using or ""]).strings:
            continue  # it asks for a rank
        asked = set(_tables_of(policy.using).found.values())
        for other in (one for some in scene.policies.values() for one in some if one is not policy):
            for table, column in _compared(other, scene.catalog.relations[other.relation_oid].relation):
                if table in asked and column in sample.table.columns:
                    yield (
                        f'"{policy.name}" asks for a row of {quoted(table)}, and unlike "{other.name}" '
                        f"does not compare it with {quoted(column)}"
                    )


def _compared(policy: Policy, relation: str) -> Iterator[tuple[str, str]]:
    """Tables of subqueries, each with a column of the policy's table that a column of theirs must equal."""
    for _, text in policy.clauses:
        tables = _tables_of(text)
        for pair in tables.pairs:
            for (inner, _), (outer, column) in (pair, pair[::-1]):
                if inner in tables.found and outer == relation and outer not in tables.found:
                    yield tables.found[inner], column


def _tables_of(expression: str | None) -> _Tables:
    visitor = _Tables()
    visitor(parser.parse_sql(f"select {expression}"))
    return visitor


class _Tables(Visitor):
    """Collects the tables of subqueries by alias, and pairs of columns, with their tables, that are equal."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self.pairs: list[tuple[tuple[str, str], tuple[str, str]]] = []

    def visit_RangeVar(self, _: object, node: Any) -> None:  # noqa: ANN401, N802
        self.found[node.alias.aliasname if node.alias else node.relname] = node.relname

    def visit_A_Expr(self, _: object, node: Any) -> None:  # noqa: ANN401, N802
        sides = [[getattr(f, "sval", "") for f in getattr(s, "fields", ())] for s in (node.lexpr, node.rexpr)]
        if node.name[-1].sval == "=" and all(len(side) > 1 for side in sides):
            (one, other) = ((side[-2], side[-1]) for side in sides)
            self.pairs.append((one, other))


def _addressed(_: Scene, sample: Sample, __: Sequence[Persona]) -> Iterator[str]:
    """Rows go from one user to another, and more than once: who follows whom is one row for each pair."""
    refers = {name for key in sample.table.foreign_keys for name in key.columns}
    people = {name for name in owner_columns(sample) & refers if sample.table.columns[name].not_null}
    pairs = (len(people & set(index.columns)) > 1 for index in sample.table.unique)
    if len(people) > 1 and not any(pairs):
        yield f"they go from {join(map(quoted, sorted(people)))} to each other"


def _shown_in_part(scene: Scene, sample: Sample, readers: Sequence[Persona]) -> Iterator[str]:
    """A view that needs no open table shows the same rows with fewer columns."""
    for view in scene.surface.reachable:
        used = {
            t.name
            for t in scene.surface.tables.values()
            if t.name in scene.inventory.reach(view.name) - {view.name}
        }
        if view.kind != "v" or view.invoker or used != {sample.table.name}:
            continue
        readable = sample.table.privileges[readers[0].role].select
        if not view.columns.keys() < sample.table.columns.keys() or readable <= view.columns.keys():
            continue
        if not set(sample.key) <= view.columns.keys() or not _shows_all(scene, view, sample, readers[0]):
            continue
        left = [quoted(n) for n in sample.table.columns if n in readable and n not in view.columns]
        yield f"the view {view.name} shows the same rows to them without {join(left)}"


def _shows_all(scene: Scene, view: Table, sample: Sample, reader: Persona) -> bool:
    texts = [f"select 1 from {view.name} where {condition(sample.key, row.key)}" for row in sample.rows]
    answers = scene.ask(reader, [[text] for text in texts])
    return bool(answers) and all(not answer.sqlstate and answer.counts[0] > 0 for answer in answers)


def _of_networks(_: Scene, sample: Sample, __: Sequence[Persona]) -> Iterator[str]:
    for column in sample.table.columns.values():
        if column.base in _OF_NETWORKS:
            yield f"{quoted(column.name)} has network addresses in it"


def _written_for(scene: Scene, sample: Sample, readers: Sequence[Persona]) -> Iterator[str]:
    """Users write none of it: it is kept about them, and not published by them.

    Who alone reads it has a rank. Objects that only the server stores are there for everybody.
    """
    if (
        sample.bucket
        or not owner_columns(sample)
        or sample.table.kind not in "rp"
        or _is_shared(scene, sample)
    ):
        return
    if len([reader for reader in readers if reader.id]) < len(scene.users):
        return
    users = {persona.name for persona in scene.users}
    own = [
        cell
        for action in _WRITES
        for cell in scene.cells.get((sample.object, action), ())
        if cell.key.persona in users and cell.key.rows is RowClass.OWN
    ]
    if own and all(cell.outcome in _KEPT_OUT for cell in own) and not _is_named(scene, sample):
        yield "users write none of these rows, which the server keeps about them"


def _is_shared(scene: Scene, sample: Sample) -> bool:
    """Whether policies ask in it who belongs to what, its own too: its members read of each other."""
    name = sample.table.name
    asked = scene.inventory.reach(name) & scene.functions.keys()
    is_its_own = any(name in scene.inventory.reach(function) for function in asked)
    return is_its_own or bool(scene.dependents(name) - {name})


def _is_named(scene: Scene, sample: Sample) -> bool:
    """Whether a function of the project may write it for a user, by a call or a trigger."""
    ours = (function for function in scene.functions.values() if scene.is_ours(function))
    return any(
        function.volatility == "v" and sample.table.relation in find_literals([function.text]).words
        for function in ours
    )
