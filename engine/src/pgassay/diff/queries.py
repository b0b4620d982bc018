"""What views and functions ask of rows and of their arguments: where HEAD's differs from BASE's. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from pglast import ast, parser
from pglast.enums import SubLinkType

from pgassay.catalog.model import Function
from pgassay.solver.functions import read_block
from pgassay.solver.schema import Schema
from pgassay.solver.scope import Node, parse_expression, write
from pgassay.solver.statements import writes_within

_ONE = parse_expression("1")


@dataclass(frozen=True)
class Question:
    """A query's FROM, with WITH, and its WHERE; without FROM, what IF asks."""

    rows: str
    test: str

    @property
    def is_query(self) -> bool:
        return bool(self.rows)


@dataclass(frozen=True)
class Departure:
    """A condition under which HEAD's answer may be another.

    `widens`: it finds a row that HEAD's query finds and BASE's does not; else nobody knows which way it goes.
    """

    text: str
    widens: bool = False


def contrast(before: Sequence[Question], after: Sequence[Question]) -> Iterator[Departure]:
    """Those of the questions that one side has alone; first queries, then what is decided."""
    for old, new in _pairs(before, after):
        if old and new and not old.is_query:
            yield Departure(f"({old.test}) and ({new.test}) is not true")
            yield Departure(f"({new.test}) and ({old.test}) is not true")
        elif old and new and old.rows == new.rows:
            yield from _exists(new.rows, f"({new.test}) and ({old.test}) is not true", widens=True)
        elif found := new or old:
            yield from _exists(found.rows, found.test) if found.is_query else (Departure(found.test),)


def _pairs(
    before: Sequence[Question], after: Sequence[Question]
) -> Iterator[tuple[Question | None, Question | None]]:
    for kind in (True, False):
        old = [one for one in before if one not in after and one.is_query is kind]
        new = [one for one in after if one not in before and one.is_query is kind]
        yield from zip_longest(old, new)


def _exists(rows: str, test: str, *, widens: bool = False) -> Iterator[Departure]:
    try:
        [raw] = parser.parse_sql(rows)
        where = parse_expression(test)
    except parser.ParseError:  # what was written does not read back
        return
    select: Node = raw.stmt
    changed = {name: getattr(select, name) for name in select} | {"whereClause": where}
    sublink = ast.SubLink(subLinkType=SubLinkType.EXISTS_SUBLINK, subselect=ast.SelectStmt(**changed))
    yield Departure(write(sublink), widens)


def read_function(function: Function, schema: Schema) -> tuple[Question, ...]:
    """The queries of a body and, of PL/pgSQL, what it decides by; nothing where it cannot be read."""
    if function.language == "sql" and not function.sql_body:
        return read_query(function.body)
    block = read_block(function, schema) if function.language == "plpgsql" else None
    return tuple(_walk(block)) if block else ()


def read_query(text: str) -> tuple[Question, ...]:
    """Those of each statement; nothing of what cannot be read."""
    try:
        return tuple(one for raw in parser.parse_sql(text) for one in _of_statement(raw.stmt))
    except parser.ParseError:
        return ()


def _of_statement(node: Node) -> Iterator[Question]:
    match node:
        case ast.SelectStmt() if node.op:
            yield from _of_statement(node.larg)
            yield from _of_statement(node.rarg)
        case _ if writes_within(node):  # which nobody can ask beside other things
            for write_first in writes_within(node):
                yield from _of_statement(write_first)
        case ast.SelectStmt() if node.fromClause:
            yield _question(node, node.fromClause)
        case ast.UpdateStmt():
            yield _question(node, (node.relation, *(node.fromClause or ())))
        case ast.InsertStmt() if node.selectStmt is not None:
            yield from _of_statement(node.selectStmt)
        case ast.DeleteStmt():
            yield _question(node, (node.relation, *(node.usingClause or ())))


def _question(node: Node, rows: tuple[Node, ...]) -> Question:
    select = ast.SelectStmt(
        targetList=(ast.ResTarget(val=_ONE),), fromClause=rows, withClause=node.withClause, op=0
    )
    return Question(write(select), write(node.whereClause) if node.whereClause is not None else "true")


def _walk(part: Any) -> Iterator[Question]:  # noqa: ANN401 - JSON
    if isinstance(part, list):
        for one in part:
            yield from _walk(one)
    elif isinstance(part, dict):
        for name, value in part.items():
            if name == "cond":
                yield from _of_expression(value["PLpgSQL_expr"]["query"])
            elif name == "PLpgSQL_expr":
                yield from read_query(value["query"])
            else:
                yield from _walk(value)


def _of_expression(text: str) -> Iterator[Question]:
    try:
        yield Question("", write(parse_expression(text)))
    except parser.ParseError:
        return
