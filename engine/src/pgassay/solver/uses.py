"""What the statements of a function look for and write, and the arguments with which they meet a row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from pglast import ast, parser

from pgassay.catalog.model import Function
from pgassay.solver import elements, functions, logic, values
from pgassay.solver.bodies import datum_names, declared, read_assignment
from pgassay.solver.model import ArgumentSlot, ColumnSlot, RowRef, Slot, Truth, Value
from pgassay.solver.schema import Schema
from pgassay.solver.scope import (
    Bound,
    BoundRow,
    Derived,
    Node,
    Scope,
    Term,
    constant,
)
from pgassay.solver.search import Search
from pgassay.solver.signatures import Parameter
from pgassay.solver.state import State
from pgassay.solver.syntax import operation


@dataclass(frozen=True, kw_only=True)
class Use:
    """A statement that looks for rows of a table, or writes one.

    `test`: what it asks of a row; `given`: the columns of one that it inserts; `changed`: those that it
    updates; `sources`: functions in FROM.
    """

    table: str
    alias: str
    scope: Scope
    test: Node = None
    given: tuple[tuple[str, Node], ...] = ()
    changed: tuple[tuple[str, Node], ...] = ()
    sources: tuple[Node, ...] = ()


def find_uses(function: Function, schema: Schema, parameters: Sequence[Parameter]) -> Iterator[Use]:
    """The uses in the order of the text; nothing of a body that cannot be read."""
    scope = Scope(
        variables=_variables(function, parameters),
        path=functions.path_of(function, schema.path),
        role=function.owner if function.definer else "",
        depth=1,
    )
    if function.language == "sql":
        for node in _parsed(function.body):
            yield from _of_statement(schema, node, scope)
    elif function.language == "plpgsql" and (block := functions.read_block(function, schema)):
        for node, inner in _Body(block).statements(scope):
            yield from _of_statement(schema, node, inner)


def meet(search: Search, use: Use, row: Mapping[str, Value], known: State) -> State | None:
    """A state in which a use finds the row, or writes one like it; `known`: arguments that are decided."""
    ref = RowRef(use.table)
    decided: dict[Slot, Value] = {s: v for s, v in known.values.items() if isinstance(s, ArgumentSlot)}
    state = State(values={**decided, **{ColumnSlot(ref, name): row[name] for name in row}}, rows=(ref,))
    rows: dict[str, Bound] = {use.alias: BoundRow(ref)} if use.alias else {}
    for item in use.sources:
        rows |= _derived(item, replace(use.scope, rows=rows))
    scope = replace(use.scope, rows=rows)
    if use.test is not None:
        tests = [
            (one, Truth.TRUE) for one in logic.conjuncts(Term(use.test, scope)) if _reads(search, one, state)
        ]
        found = next(logic.each(search, tests, state), None)
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


def _another(search: Search, table: str, name: str, value: Value) -> Value:
    """What a column may have instead, of a list where there is one."""
    column = search.schema.columns(table).get(name)
    if column is None:
        return None
    words = column.labels or search.schema.words(table, name)
    return next(iter(values.others(value, column.base, labels=words)), None)


def _derived(item: Node, scope: Scope) -> dict[str, Derived]:
    """A function in FROM, by its alias."""
    call = item.functions[0][0]
    alias = item.alias.aliasname if item.alias else ""
    if not isinstance(call, ast.FuncCall):
        return {}
    return {alias: Derived(elements.columns(Term(call, scope), item, alias))}


def _reads(search: Search, test: Term, state: State) -> bool:
    """Whether nothing in it is set by what is not read here, such as a loop or another table."""
    return not search.terms.read(test, state).unknown


def _variables(function: Function, parameters: Sequence[Parameter]) -> dict[str, Term | Slot | None]:
    found: dict[str, Term | Slot | None] = {}
    for number, one in enumerate(parameters, start=1):
        slot = ArgumentSlot(one.name or f"${number}", one.type)
        names = (f"${number}", *((one.name, f"{function.name}.{one.name}") if one.name else ()))
        found |= dict.fromkeys(names, slot)
    return found


def _parsed(text: str) -> list[Node]:
    with suppress(parser.ParseError):
        return [raw.stmt for raw in parser.parse_sql(text)]
    return []


class _Body:
    """The statements of a PL/pgSQL body, each where the assignments before it hold."""

    def __init__(self, function: Mapping[str, Any]) -> None:
        self._function = function
        self._names = list(datum_names(function.get("datums", ())))
        self._scope = Scope()

    def statements(self, scope: Scope) -> Iterator[tuple[Node, Scope]]:
        self._scope = declared(self._function, scope)
        yield from self._walk(self._function["action"])

    def _walk(self, part: Any) -> Iterator[tuple[Node, Scope]]:  # noqa: ANN401 - JSON
        if isinstance(part, list):
            for one in part:
                yield from self._walk(one)
        elif isinstance(part, dict):
            for name, value in part.items():
                if name == "PLpgSQL_stmt_assign":
                    self._assign(value)
                elif name == "PLpgSQL_stmt_fors":
                    self._enter(value)
                if name == "PLpgSQL_expr":
                    yield from ((node, self._scope) for node in _parsed(value["query"]))
                else:
                    yield from self._walk(value)

    def _assign(self, statement: Mapping[str, Any]) -> None:
        with suppress(parser.ParseError):
            if (value := read_assignment(statement)) is not None:
                name = self._names[statement.get("varno", 0)]
                self._scope = self._scope.knowing(name, Term(value, self._scope))

    def _enter(self, statement: Mapping[str, Any]) -> None:
        """FOR over a function's elements: the record stands for the first one."""
        record = next((one["refname"] for one in statement.get("var", {}).values() if "refname" in one), "")
        for node in _parsed(statement["query"]["PLpgSQL_expr"]["query"]):
            items = getattr(node, "fromClause", None) or ()
            for item in (one for one in items if isinstance(one, ast.RangeFunction)):
                for row in _derived(item, self._scope).values():
                    for name, term in row.columns.items():
                        self._scope = self._scope.knowing(f"{record}.{name}", term)


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
        yield Use(table=table, alias=alias, scope=scope, test=test, sources=_functions(others or ()))


def _functions(items: Sequence[Node]) -> tuple[Node, ...]:
    return tuple(one for one in items if isinstance(one, ast.RangeFunction))


def _inserting(schema: Schema, node: Node, scope: Scope) -> Iterator[Use]:
    table = schema.find_relation(node.relation.schemaname, node.relation.relname, scope.path)
    select = node.selectStmt
    if table is None or select is None or select.op:
        return
    names = [column.name for column in node.cols or ()] or list(schema.columns(table))
    values = select.valuesLists[0] if select.valuesLists else [one.val for one in select.targetList or ()]
    yield Use(
        table=table,
        alias="",
        scope=scope,
        given=tuple(zip(names, values, strict=False)),
        sources=_functions(select.fromClause or ()),
    )
    if not select.valuesLists:
        yield from _of_statement(schema, select, scope)
