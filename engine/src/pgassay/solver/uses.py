"""What the statements of a function look for and write, and the arguments with which they meet a row."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pglast import ast
from pglast.visitors import Visitor

from pgassay.catalog.model import Function
from pgassay.solver import functions, logic, values
from pgassay.solver.model import ArgumentSlot, ColumnSlot, RowRef, Slot, Truth, Value
from pgassay.solver.schema import Schema
from pgassay.solver.scope import (
    Bound,
    BoundRow,
    Node,
    Scope,
    Term,
    arguments_of,
    constant,
    names_of,
)
from pgassay.solver.search import Search
from pgassay.solver.signatures import Parameter
from pgassay.solver.state import State
from pgassay.solver.statements import Body, derived, functions_of, parse_statements
from pgassay.solver.syntax import operation

_DEEPEST = 4  # functions that call each other


@dataclass(frozen=True, kw_only=True)
class Use:
    """A statement that looks for rows of a table, or writes one.

    `test`: what it asks of a row; `given`: the columns of one that it inserts; `changed`: those that it
    updates, or replaces where the row is there; `sources`: functions in FROM.
    """

    table: str
    alias: str
    scope: Scope
    test: Node = None
    given: tuple[tuple[str, Node], ...] = ()
    changed: tuple[tuple[str, Node], ...] = ()
    sources: tuple[Node, ...] = ()


def find_uses(function: Function, schema: Schema, parameters: Sequence[Parameter]) -> Iterator[Use]:
    """The uses in the order of the text, and those of what it calls; nothing of what cannot be read."""
    named = [(one.name or f"${number}", one.type) for number, one in enumerate(parameters, start=1)]
    yield from _Reader(schema).of(function, arguments_of(function.name, named), ())


def meet(
    search: Search, use: Use, row: Mapping[str, Value], known: State, *, changing: Collection[str] = ()
) -> State | None:
    """A state in which a use finds the row, or writes one like it; `known`: arguments that are decided.

    Where the row itself is not as the use wants it, it gets other values in the columns that are `changing`.
    """
    ref = RowRef(use.table)
    decided: dict[Slot, Value] = {s: v for s, v in known.values.items() if isinstance(s, ArgumentSlot)}
    state = State(values={**decided, **{ColumnSlot(ref, name): row[name] for name in row}}, rows=(ref,))
    rows: dict[str, Bound] = {use.alias: BoundRow(ref)} if use.alias else {}
    for item in use.sources:
        rows |= derived(item, replace(use.scope, rows=rows))
    scope = replace(use.scope, rows=rows)
    if use.test is not None:
        tests = [
            (one, Truth.TRUE) for one in logic.conjuncts(Term(use.test, scope)) if _reads(search, one, state)
        ]
        found = next(logic.each(search, tests, state), None) or _change(search, tests, state, changing)
        if found is None:
            return None
        state = found
    wanted = [(row.get(name), node) for name, node in use.given]
    wanted += [(_another(search, use.table, name, row.get(name)), node) for name, node in use.changed]
    for value, node in wanted:
        if value is not None:
            equal = Term(operation("=", node, constant(value)), scope)
            if _reads(search, equal, state):
                state = next(search.make(equal, Truth.TRUE, state), state)
    return state


def _change(
    search: Search, tests: Sequence[logic.Part], state: State, changing: Collection[str]
) -> State | None:
    """First the arguments that nothing changes for, then columns that change, then the arguments for them."""
    slots = {test: search.terms.slots(test) for test, _ in tests}
    takes = {test: any(isinstance(slot, ArgumentSlot) for slot in some) for test, some in slots.items()}
    open_ = {
        slot
        for test, some in slots.items()
        for slot in some
        if not takes[test] and isinstance(slot, ColumnSlot) and slot.row == state.rows[0]
        if slot.column in changing
    }
    if not open_:
        return None
    own = [part for part in tests if not takes[part[0]]]
    tied = [part for part in tests if takes[part[0]] and not slots[part[0]].isdisjoint(open_)]
    met = next(logic.each(search, [p for p in tests if p not in own and p not in tied], state), None)
    for parts in (own, tied):
        if met is not None:
            values = {slot: v for slot, v in met.values.items() if parts is tied or slot not in open_}
            met = next(logic.each(search, parts, replace(met, values=values)), None)
    return met


def _another(search: Search, table: str, name: str, value: Value) -> Value:
    """What a column may have instead, of a list where there is one."""
    column = search.schema.columns(table).get(name)
    if column is None:
        return None
    words = column.labels or search.schema.words(table, name)
    return next(iter(values.others(value, column.base, labels=words)), None)


def _reads(search: Search, test: Term, state: State) -> bool:
    """Whether nothing in it is set by what is not read here, such as a loop or another table."""
    return not search.terms.read(test, state).unknown


Variables = Mapping[str, Term | Slot | None]


class _Reader:
    """Reads functions, each with what its variables stand for."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    def of(self, function: Function, variables: Variables, above: tuple[int, ...]) -> Iterator[Use]:
        """The uses of a function that those `above` call."""
        scope = Scope(
            variables=variables,
            path=functions.path_of(function, self.schema.path),
            role=function.owner if function.definer else "",
            depth=1 + len(above),
        )
        for node, inner in self._statements(function, scope):
            yield from _of_statement(self.schema, node, inner)
            for call in _calls(node):
                yield from self._of_call(Term(call, inner), (*above, function.oid))

    def _statements(self, function: Function, scope: Scope) -> Iterator[tuple[Node, Scope]]:
        if function.language == "sql":
            yield from ((node, scope) for node in parse_statements(function.body))
        elif function.language == "plpgsql" and (block := functions.read_block(function, self.schema)):
            yield from Body(block, self.schema).statements(scope)

    def _of_call(self, call: Term, above: tuple[int, ...]) -> Iterator[Use]:
        qualifier, name = names_of(call.node.funcname)
        found = self.schema.find_function(qualifier, name, len(call.node.args or ()), call.scope.path)
        if found and found[0].oid not in above and len(above) < _DEEPEST:
            values = functions.bind_arguments(call, found[1])
            if values is not None:
                yield from self.of(found[0], values, above)


class _Calls(Visitor):
    """Collects calls of functions."""

    def __init__(self) -> None:
        self.found: list[Node] = []

    def visit_FuncCall(self, _: object, node: Node) -> None:  # noqa: N802 - pglast's names
        self.found.append(node)


def _calls(node: Node) -> list[Node]:
    visitor = _Calls()
    visitor(node)
    return visitor.found


def _of_statement(schema: Schema, node: Node, scope: Scope) -> Iterator[Use]:
    clause = getattr(node, "withClause", None)
    for one in clause.ctes if clause else ():
        yield from _of_statement(schema, one.ctequery, scope)
    match node:
        case ast.SelectStmt() if node.op:
            yield from _of_statement(schema, node.larg, scope)
            yield from _of_statement(schema, node.rarg, scope)
        case ast.SelectStmt():
            for item in _tables(node.fromClause or ()):
                yield from _looking(schema, item, node.whereClause, node.fromClause, scope)
        case ast.UpdateStmt():
            changed = tuple((one.name, one.val) for one in node.targetList or ())
            for use in _looking(schema, node.relation, node.whereClause, node.fromClause, scope):
                yield replace(use, changed=changed)
        case ast.DeleteStmt():
            yield from _looking(schema, node.relation, node.whereClause, node.usingClause, scope)
        case ast.InsertStmt():
            yield from _inserting(schema, node, scope)


def _tables(items: Sequence[Node]) -> Iterator[Node]:
    for item in items:
        if isinstance(item, ast.RangeVar):
            yield item
        elif isinstance(item, ast.JoinExpr):
            yield from _tables((item.larg, item.rarg))


def _looking(
    schema: Schema, relation: Node, test: Node, others: Sequence[Node] | None, scope: Scope
) -> Iterator[Use]:
    table = schema.find_relation(relation.schemaname, relation.relname, scope.path)
    if table:
        alias = relation.alias.aliasname if relation.alias else relation.relname
        yield Use(table=table, alias=alias, scope=scope, test=test, sources=functions_of(others or ()))


def _inserting(schema: Schema, node: Node, scope: Scope) -> Iterator[Use]:
    table = schema.find_relation(node.relation.schemaname, node.relation.relname, scope.path)
    select = node.selectStmt
    if table is None or select is None or select.op:
        return
    names = [column.name for column in node.cols or ()] or list(schema.columns(table))
    values = select.valuesLists[0] if select.valuesLists else [one.val for one in select.targetList or ()]
    given = dict(zip(names, values, strict=False))
    replaced = {one.name for one in (node.onConflictClause.targetList or () if node.onConflictClause else ())}
    yield Use(
        table=table,
        alias="",
        scope=scope,
        given=tuple((name, value) for name, value in given.items() if name not in replaced),
        changed=tuple((name, value) for name, value in given.items() if name in replaced),
        sources=functions_of(select.fromClause or ()),
    )
    if not select.valuesLists:
        yield from _of_statement(schema, select, scope)
