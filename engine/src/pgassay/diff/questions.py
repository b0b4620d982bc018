"""What a query asks of rows, as questions that can be compared. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pglast import ast, parser

from pgassay.solver.scope import Node, parse_expression, write
from pgassay.solver.statements import writes_within

_ONE = parse_expression("1")


@dataclass(frozen=True)
class Question:
    """A query's FROM, with WITH, and its WHERE; without FROM, what IF asks.

    Two are the same that are written the same. `meant`: the test with what variables stand for; `within`:
    what holds wherever a body comes to it; `refusing`: what holds wherever the body comes to its end.
    """

    rows: str
    test: str
    meant: str = field(default="", compare=False)
    within: tuple[str, ...] = field(default=(), compare=False)
    refusing: tuple[str, ...] = field(default=(), compare=False)

    @property
    def is_query(self) -> bool:
        return bool(self.rows)

    @property
    def condition(self) -> str:
        """The test, as far as it is known without the body."""
        return self.meant or self.test


def read_query(text: str) -> tuple[Question, ...]:
    """Those of each statement; nothing of what cannot be read."""
    try:
        return tuple(one for raw in parser.parse_sql(text) for one in of_statement(raw.stmt))
    except parser.ParseError:
        return ()


def of_statement(node: Node) -> Iterator[Question]:
    """The questions of a statement, those of the writes in its WITH in place of its own."""
    match node:
        case ast.SelectStmt() if node.op:
            yield from of_statement(node.larg)
            yield from of_statement(node.rarg)
        case _ if writes_within(node):  # which nobody can ask beside other things
            for write_first in writes_within(node):
                yield from of_statement(write_first)
        case ast.SelectStmt() if node.fromClause:
            yield _question(node, node.fromClause)
        case ast.UpdateStmt():
            yield _question(node, (node.relation, *(node.fromClause or ())))
        case ast.InsertStmt() if node.selectStmt is not None:
            yield from of_statement(node.selectStmt)
        case ast.DeleteStmt():
            yield _question(node, (node.relation, *(node.usingClause or ())))


def _question(node: Node, rows: tuple[Node, ...]) -> Question:
    select = ast.SelectStmt(
        targetList=(ast.ResTarget(val=_ONE),), fromClause=rows, withClause=node.withClause, op=0
    )
    return Question(write(select), write(node.whereClause) if node.whereClause is not None else "true")
