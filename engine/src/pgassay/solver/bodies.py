"""PL/pgSQL bodies that only find out what to return: as one expression.

What they assign and select becomes a variable that stands for an expression; what they decide becomes a CASE.
Bodies with loops, dynamic SQL or handlers of errors are nobody's to read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pglast import ast, parser
from pglast.enums import SubLinkType

from pgassay.solver.scope import Node, Scope, Term, constant, parse_expression

_LONGEST = 40  # statements on one way through a body

Statement = Mapping[str, Any]


class UnreadableError(Exception):
    """A body that does more than find out what to return."""


def read(function: Mapping[str, Any], scope: Scope) -> Term | None:
    """What a function returns as a term; None where it does more than that."""
    try:
        scope = _declared(function, scope)
        return _Reader(function).returned([function["action"]], scope, 0)
    except (UnreadableError, parser.ParseError, RecursionError):
        return None


def _declared(function: Mapping[str, Any], scope: Scope) -> Scope:
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

    def __init__(self, function: Mapping[str, Any]) -> None:
        self._names = [_datum_name(datum) for datum in function.get("datums", ())]

    def returned(self, statements: Sequence[Statement], scope: Scope, count: int) -> Term:
        """What the statements return in a scope. Raises UnreadableError."""
        if not statements:
            return Term(constant(None), scope)
        if count > _LONGEST:
            raise UnreadableError
        kind, statement = next(iter(statements[0].items()))
        rest = statements[1:]
        match kind.removeprefix("PLpgSQL_stmt_"):
            case "block":
                if statement.get("exceptions"):
                    raise UnreadableError
                return self.returned([*statement.get("body", ()), *rest], scope, count + 1)
            case "return":
                return Term(_expression(statement["expr"]), scope) if "expr" in statement else _null(scope)
            case "return_query" if "query" in statement:
                return Term(_scalar(_query(statement["query"])), scope)
            case "assign":
                return self.returned(rest, self._assigned(statement, scope), count + 1)
            case "execsql":
                return self.returned(rest, self._selected(statement, scope), count + 1)
            case "perform":
                found = _existence(_query(statement["expr"]))
                return self.returned(rest, scope.knowing("found", Term(found, scope)), count + 1)
            case "if":
                return self._decided(statement, rest, scope, count)
            case "raise":
                refused = statement.get("elog_level") in (None, 21)
                return _null(scope) if refused else self.returned(rest, scope, count + 1)
        raise UnreadableError

    def _assigned(self, statement: Statement, scope: Scope) -> Scope:
        name = self._names[statement.get("varno", 0)]
        text = _text(statement["expr"])
        _, sign, value = text.partition(":=" if ":=" in text else "=")
        if not sign:
            raise UnreadableError
        return scope.knowing(name, Term(parse_expression(value), scope))

    def _selected(self, statement: Statement, scope: Scope) -> Scope:
        """SELECT INTO: each variable stands for a query that gives its column."""
        if not statement.get("into"):
            raise UnreadableError
        select = _query(statement["sqlstmt"])
        if not isinstance(select, ast.SelectStmt):
            raise UnreadableError
        kind, target = next(iter(statement["target"].items()))
        inner = scope
        scope = scope.knowing("found", Term(_existence(select), inner))
        if kind == "PLpgSQL_row":
            for field, column in zip(target["fields"], select.targetList, strict=False):
                scope = scope.knowing(field["name"], Term(_scalar(_only(select, column.val)), inner))
            return scope
        # A record: any field of it is a column of the query.
        return scope.knowing(f"{target['refname']}.*", Term(select, inner))

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


def _datum_name(datum: Mapping[str, Any]) -> str:
    [value] = datum.values()
    return str(value.get("refname", value.get("fieldname", "")))


def _text(expression: Mapping[str, Any]) -> str:
    return str(expression["PLpgSQL_expr"]["query"])


def _expression(expression: Mapping[str, Any]) -> Node:
    return parse_expression(_text(expression))


def _query(expression: Mapping[str, Any]) -> Node:
    [raw] = parser.parse_sql(_text(expression))
    return raw.stmt


def _scalar(select: Node) -> Node:
    return ast.SubLink(subLinkType=SubLinkType.EXPR_SUBLINK, subselect=select)


def _existence(select: Node) -> Node:
    return ast.SubLink(subLinkType=SubLinkType.EXISTS_SUBLINK, subselect=select)


def _only(select: Node, column: Node) -> Node:
    changed = {name: getattr(select, name) for name in select}
    return ast.SelectStmt(**{**changed, "targetList": (ast.ResTarget(val=column),)})


def _named(name: str) -> Node:
    return ast.ColumnRef(fields=(ast.String(name),))


def _null(scope: Scope) -> Term:
    return Term(constant(None), scope)
