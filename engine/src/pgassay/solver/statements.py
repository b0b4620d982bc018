"""The statements of a PL/pgSQL body, each with what its variables stand for there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from pglast import ast, parser

from pgassay.solver import elements
from pgassay.solver.bodies import datum_names, declared, read_assignment
from pgassay.solver.opening import name_of
from pgassay.solver.schema import Schema
from pgassay.solver.scope import Bound, Derived, Node, Scope, Term, parse_expression


def parse_statements(text: str) -> list[Node]:
    """Those of a text, each after the writes in its WITH; none of what is no statement."""
    with suppress(parser.ParseError):
        return [one for raw in parser.parse_sql(text) for one in (*writes_within(raw.stmt), raw.stmt)]
    return []


def writes_within(statement: Node) -> list[Node]:
    """The writes in its WITH."""
    clause = getattr(statement, "withClause", None)
    queries = [one.ctequery for one in clause.ctes] if clause else []
    return [one for one in queries if not isinstance(one, ast.SelectStmt)]


def functions_of(items: Sequence[Node]) -> tuple[Node, ...]:
    """The functions among the items of FROM."""
    return tuple(one for one in items if isinstance(one, ast.RangeFunction))


def derived(item: Node, scope: Scope) -> dict[str, Derived]:
    """A function in FROM, by its alias."""
    call = item.functions[0][0]
    alias = item.alias.aliasname if item.alias else ""
    if not isinstance(call, ast.FuncCall):
        return {}
    return {alias: Derived(elements.columns(Term(call, scope), item, alias))}


class Body:
    """The statements of a PL/pgSQL body, each where the assignments before it hold."""

    def __init__(self, function: Mapping[str, Any], schema: Schema) -> None:
        self._function = function
        self._schema = schema
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
                    yield from self._assign(value)
                elif name == "PLpgSQL_stmt_fors":
                    self._enter(value)
                elif name == "PLpgSQL_stmt_foreach_a":
                    self._enter_array(value)
                if name == "PLpgSQL_expr":
                    yield from ((node, self._scope) for node in parse_statements(value["query"]))
                else:
                    yield from self._walk(value)

    def _assign(self, statement: Mapping[str, Any]) -> Iterator[tuple[Node, Scope]]:
        with suppress(parser.ParseError):
            if (value := read_assignment(statement)) is not None:
                yield value, self._scope
                self._know(self._names[statement.get("varno", 0)], Term(value, self._scope))

    def _know(self, name: str, value: Term) -> None:
        fields = elements.populated(self._schema, value.node)
        self._scope = self._scope.knowing(name, value)
        for field, node in fields.items():
            self._scope = self._scope.knowing(f"{name}.{field}", value.at(node))

    def _enter(self, statement: Mapping[str, Any]) -> None:
        """FOR over a function's elements: the record, or the variables, stand for the first one."""
        target: Mapping[str, Any] = next(iter(statement.get("var", {}).values()), {})
        for select in parse_statements(statement["query"]["PLpgSQL_expr"]["query"]):
            rows: dict[str, Bound] = {}
            for item in functions_of(getattr(select, "fromClause", None) or ()):
                rows |= derived(item, self._scope)
            columns = dict(_columns(select, self._scope.inside(rows))) if rows else {}
            names = [field["name"] for field in target.get("fields", ())]
            if not names:
                names = [f"{target.get('refname', '')}.{name}" for name in columns]
            for name, term in zip(names, columns.values(), strict=False):
                self._scope = self._scope.knowing(name, term)

    def _enter_array(self, statement: Mapping[str, Any]) -> None:
        """FOREACH: its variable stands for the first element."""
        with suppress(parser.ParseError):
            array = parse_expression(statement["expr"]["PLpgSQL_expr"]["query"])
            first = ast.A_Indices(is_slice=False, uidx=ast.A_Const(isnull=False, val=ast.Integer(1)))
            node = ast.A_Indirection(arg=array, indirection=(first,))
            self._know(self._names[statement.get("varno", 0)], Term(node, self._scope))


def _columns(select: Node, scope: Scope) -> Iterator[tuple[str, Term]]:
    """What a query over functions selects, by name."""
    for target in select.targetList or ():
        fields = getattr(target.val, "fields", None) or ("",)
        if isinstance(fields[-1], ast.A_Star):
            for row in scope.rows.values():
                if isinstance(row, Derived):
                    yield from row.columns.items()
        else:
            yield target.name or name_of(target.val), Term(target.val, scope)
