"""What stands in the bodies of functions: their queries, the types that they name, the branches of a CASE."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from typing import Any

from pglast import ast, parse_plpgsql, parser
from pglast.stream import RawStream
from pglast.visitors import Visitor

# What ends the type of a declared variable.
_END_OF_TYPE = {"ASCII_59", "COLON_EQUALS", "ASCII_61", "DEFAULT", "NOT", "COLLATE"}
_COMMENTS = {"SQL_COMMENT", "C_COMMENT"}
_PLAIN_QUERY, _EXPRESSION = 0, 2


def find_unqualified_types(*, language: str, definition: str, body: str) -> list[str]:
    """Names without a schema, which the grammar does not give one either (as it does to `integer`).

    `definition` is the whole CREATE FUNCTION, `body` what is between its quotes.
    """
    if language == "sql":
        return _unqualified(body)
    declared = [name for text in _declared_types(body) for name in _unqualified(_as_result(text))]
    return declared + [name for text in read_queries(definition) for name in _unqualified(text)]


def read_queries(definition: str) -> list[str]:
    """Every query of a PL/pgSQL function, and every expression as one."""
    return list(_walk_queries(parse_plpgsql(definition)))


def find_case(definition: str) -> list[str]:
    """What the one CASE expression of a PL/pgSQL function, if it has just one, says in its branches."""
    _, case = _parse_case(definition)
    return [branch.result.val.sval for branch in case.args or ()]


def without_case(definition: str, result: str) -> str:
    """The function without the branch of its CASE expression that says `result`."""
    text, case = _parse_case(definition)
    case.args = tuple(branch for branch in case.args or () if branch.result.val.sval != result)
    assert definition.count(text) == 1
    return definition.replace(text, RawStream()(case))


def _parse_case(definition: str) -> tuple[str, ast.CaseExpr]:
    (text,) = [query for query in read_queries(definition) if query.startswith("select case")]
    statement = parser.parse_sql(text)[0].stmt
    assert isinstance(statement, ast.SelectStmt)
    [target] = statement.targetList or ()
    return text.removeprefix("select "), target.val


class _TypeNames(Visitor):
    def __init__(self) -> None:
        self.found: list[str] = []

    def visit_TypeName(self, _ancestors: Any, node: ast.TypeName) -> None:  # noqa: N802 - the visitor's name
        match node.names:
            case (ast.String(sval=str(name)),):
                self.found.append(name)


def _unqualified(query: str) -> list[str]:
    visitor = _TypeNames()
    visitor(parser.parse_sql(query))
    return visitor.found


def _as_result(type_name: str) -> str:
    return f"create function f() returns {type_name} language sql"


def _declared_types(body: str) -> Iterator[str]:
    """The type of each variable of the DECLARE section: parse_plpgsql would drop its schema."""
    tokens = (token for token in parser.scan(body) if token.name not in _COMMENTS)
    if next(tokens).name != "DECLARE":
        return
    for name in takewhile(lambda token: token.name != "BEGIN_P", tokens):
        declaration = [name, *takewhile(lambda token: token.name != "ASCII_59", tokens)]
        words = [t for t in declaration[1:] if body[t.start : t.end + 1] != "constant"]
        kept = list(takewhile(lambda token: token.name not in _END_OF_TYPE, words))
        yield body[kept[0].start : kept[-1].end + 1]


def _walk_queries(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _walk_queries(item)
    elif isinstance(node, dict):
        if "query" in node and "parseMode" in node:
            yield _as_query(node["query"], mode=node["parseMode"])
        for item in node.values():
            yield from _walk_queries(item)


def _as_query(text: str, *, mode: int) -> str:
    if mode == _PLAIN_QUERY:
        return text
    if mode == _EXPRESSION:
        return f"select {text}"
    assign = next(token for token in parser.scan(text) if token.name in {"COLON_EQUALS", "ASCII_61"})
    return f"select {text[assign.end + 1 :]}"
