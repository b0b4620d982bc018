"""PL/pgSQL bodies that only find out what to return: as one expression.

What they assign and select becomes a variable that stands for an expression; what they decide becomes a CASE.
Bodies with loops or handlers of errors are nobody's to read, nor is EXECUTE of a text that depends on rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pglast import ast, parser
from pglast.enums import SubLinkType

from pgassay.solver.dynamic import UnknownTextError, read_query
from pgassay.solver.scope import Node, Scope, Term, constant, parse_expression

_EXCEPTION = 21  # as elog.h numbers it
_LONGEST = 40  # statements on one way through a body
_MOST = 2_000  # statements on all ways: each IF doubles them

Statement = Mapping[str, Any]


class UnreadableError(Exception):
    """A body that does more than find out what to return."""


def read(function: Mapping[str, Any], scope: Scope) -> Term | None:
    """What a function returns as a term; None where it does more than that."""
    return _read(function, scope, raising=False)


def read_refusal(function: Mapping[str, Any], scope: Scope) -> Term | None:
    """Whether a function raises an error of its own, as a term; what else it does is left out."""
    return _read(function, scope, raising=True)


def _read(function: Mapping[str, Any], scope: Scope, *, raising: bool) -> Term | None:
    try:
        scope = declared(function, scope)
        return _Reader(function, raising=raising).returned([function["action"]], scope, 0)
    except (UnreadableError, UnknownTextError, parser.ParseError, RecursionError):
        return None


def declared(function: Mapping[str, Any], scope: Scope) -> Scope:
    """The variables with what they are declared to be, null without."""
    for datum in function.get("datums", ()):
        kind, value = next(iter(datum.items()))
        name = value.get("refname", "")
        if kind == "PLpgSQL_var" and name not in scope.variables:
            default = value.get("default_val")
            node = parse_expression(default["PLpgSQL_expr"]["query"]) if default else constant(None)
            scope = scope.knowing(name, Term(node, scope))
    return scope


class _Reader:
    """Reads the statements of one function."""

    def __init__(self, function: Mapping[str, Any], *, raising: bool) -> None:
        self._raising = raising
        self._left = _MOST
        self._names = list(datum_names(function.get("datums", ())))

    def returned(self, statements: Sequence[Statement], scope: Scope, count: int) -> Term:
        """What the statements return in a scope. Raises UnreadableError."""
        if not statements:
            return self._ended(scope)
        self._left -= 1
        if count > _LONGEST or self._left < 0:
            raise UnreadableError
        kind, statement = next(iter(statements[0].items()))
        kind, rest = kind.removeprefix("PLpgSQL_stmt_"), statements[1:]
        if kind == "block":
            # Without its handlers: what fits raises nothing, and the server judges the function as it is.
            return self.returned([*statement.get("body", ()), *rest], scope, count + 1)
        if kind == "if":
            return self._decided(statement, rest, scope, count)
        if kind == "return":
            return self._ended(scope, statement.get("expr"))
        if kind == "return_query" and not self._raising:
            found = _returned_query(statement, scope)
            return found.at(scalar(found.node))
        if kind == "raise" and is_raising(statement):
            return Term(parse_expression("true"), scope) if self._raising else _null(scope)
        return self.returned(rest, self._after(kind, statement, scope), count + 1)

    def _ended(self, scope: Scope, expression: Mapping[str, Any] | None = None) -> Term:
        if self._raising:
            return Term(parse_expression("false"), scope)
        return Term(_expression(expression), scope) if expression else _null(scope)

    def _after(self, kind: str, statement: Statement, scope: Scope) -> Scope:
        """The scope behind a statement that goes on to the next."""
        if kind == "assign":
            return self._assigned(statement, scope)
        if kind == "execsql" and statement.get("into"):
            return self._found(statement, Term(_query(statement["sqlstmt"]), scope))
        if kind == "dynexecute" and statement.get("into"):
            return self._executed(statement, scope)
        if kind == "perform":
            return scope.knowing("found", Term(existence(_query(statement["expr"])), scope))
        if kind != "raise" and not self._raising:
            raise UnreadableError
        return scope

    def _assigned(self, statement: Statement, scope: Scope) -> Scope:
        value = read_assignment(statement)
        if value is None:
            raise UnreadableError
        return scope.knowing(self._names[statement.get("varno", 0)], Term(value, scope))

    def _found(self, statement: Statement, query: Term) -> Scope:
        """SELECT INTO, which also says whether there was a row."""
        if not isinstance(query.node, ast.SelectStmt):
            raise UnreadableError
        found = query.at(existence(query.node))
        return self._selected(statement, query, query.scope.knowing("found", found))

    def _executed(self, statement: Statement, scope: Scope) -> Scope:
        """EXECUTE INTO; what refuses later may still be read where its text is not known."""
        try:
            query = _dynamic(statement["query"], statement, scope)
        except UnknownTextError:
            if self._raising:
                return scope
            raise
        return self._selected(statement, query, scope)

    def _selected(self, statement: Statement, query: Term, scope: Scope) -> Scope:
        """INTO: each variable stands for a query that gives its column."""
        columns = query.node.targetList or ()
        kind, target = next(iter(statement["target"].items()))
        if kind == "PLpgSQL_row":
            for field, column in zip(target["fields"], columns, strict=False):
                scope = scope.knowing(field["name"], query.at(scalar(only_column(query.node, column.val))))
            return scope
        # A record, whose fields are columns; or a variable of a type that libpg_query does not know.
        if len(columns) == 1:
            scope = scope.knowing(target["refname"], query.at(scalar(query.node)))
        return scope.knowing(f"{target['refname']}.*", query)

    def _decided(self, statement: Statement, rest: Sequence[Statement], scope: Scope, count: int) -> Term:
        """IF: each way on with what follows; a CASE over what they return."""
        ways = [(statement["cond"], statement.get("then_body", ()))]
        for one in statement.get("elsif_list", ()):
            elsif = one["PLpgSQL_if_elsif"]
            ways.append((elsif["cond"], elsif.get("stmts", ())))
        whens = []
        for number, (condition, body) in enumerate(ways):
            result = self.returned([*body, *rest], scope, count + 1)
            name = f"way {count}.{number}"
            scope = scope.knowing(name, result)
            whens.append(ast.CaseWhen(expr=_expression(condition), result=_named(name)))
        last = self.returned([*statement.get("else_body", ()), *rest], scope, count + 1)
        scope = scope.knowing(f"way {count}.else", last)
        return Term(ast.CaseExpr(args=tuple(whens), defresult=_named(f"way {count}.else")), scope)


def is_raising(statement: Statement) -> bool:
    """Whether RAISE ends what goes on, rather than that it tells something."""
    return statement.get("elog_level") in (None, _EXCEPTION)


def read_assignment(statement: Statement) -> Node | None:
    """What is assigned. Raises pglast.parser.ParseError."""
    text = _text(statement["expr"])
    _, sign, value = text.partition(":=" if ":=" in text else "=")
    return parse_expression(value) if sign else None


def datum_names(data: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The names of variables; a field of a record is called after both."""
    values = [next(iter(datum.values())) for datum in data]
    for value in values:
        if "fieldname" in value:
            yield f"{values[value.get('recparentno', 0)].get('refname', '')}.{value['fieldname']}"
        else:
            yield str(value.get("refname", ""))


def _returned_query(statement: Statement, scope: Scope) -> Term:
    if "dynquery" in statement:
        return _dynamic(statement["dynquery"], statement, scope)
    if "query" not in statement:
        raise UnreadableError
    return Term(_query(statement["query"]), scope)


def _dynamic(text: Mapping[str, Any], statement: Statement, scope: Scope) -> Term:
    using = [_expression(one) for one in statement.get("params", ())]
    return read_query(Term(_expression(text), scope), using)


def _text(expression: Mapping[str, Any]) -> str:
    return str(expression["PLpgSQL_expr"]["query"])


def _expression(expression: Mapping[str, Any]) -> Node:
    return parse_expression(_text(expression))


def _query(expression: Mapping[str, Any]) -> Node:
    [raw] = parser.parse_sql(_text(expression))
    return raw.stmt


def scalar(select: Node) -> Node:
    """A query as the value that it gives."""
    return ast.SubLink(subLinkType=SubLinkType.EXPR_SUBLINK, subselect=select)


def existence(select: Node) -> Node:
    """Whether a query finds a row."""
    return ast.SubLink(subLinkType=SubLinkType.EXISTS_SUBLINK, subselect=select)


def only_column(select: Node, column: Node) -> Node:
    """The query with this column alone."""
    changed = {name: getattr(select, name) for name in select}
    return ast.SelectStmt(**{**changed, "targetList": (ast.ResTarget(val=column),)})


def _named(name: str) -> Node:
    return ast.ColumnRef(fields=(ast.String(name),))


def _null(scope: Scope) -> Term:
    return Term(constant(None), scope)
