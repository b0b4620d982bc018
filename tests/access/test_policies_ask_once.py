"""Policies ask once per statement who the user is, policies of tomorrow included."""

from __future__ import annotations

from collections.abc import Iterator

from pglast import ast, parser

from pgassay.database import Session


def children(node: ast.Node) -> Iterator[ast.Node]:
    for name in node:
        value = getattr(node, name)
        yield from (
            item for item in (value if isinstance(value, tuple) else (value,)) if isinstance(item, ast.Node)
        )


def parse(text: str) -> ast.Node:
    node = parser.parse_sql(text)[0].stmt
    assert node
    return node


def calls(node: ast.Node, *, inside: bool = False) -> Iterator[tuple[str, bool]]:
    """Every call below a node: its name, and whether it is the whole of a scalar sub-select."""
    if isinstance(node, ast.FuncCall):
        yield ".".join(part.sval for part in node.funcname or ()), inside
    target = isinstance(node, ast.ResTarget) and inside
    for child in children(node):
        alone = isinstance(child, ast.SelectStmt) and not child.fromClause and isinstance(node, ast.SubLink)
        yield from calls(child, inside=alone or target or (inside and isinstance(child, ast.ResTarget)))


def test_policies_ask_once_per_statement_who_the_user_is(session: Session) -> None:
    """`(select auth.uid())` is evaluated once, a bare auth.uid() for every row."""
    rows = session.execute("""
        select e.expression
        from pg_policies as p cross join unnest(array[p.qual, p.with_check]) as e (expression)
        where e.expression is not null
    """).rows
    trees = [parse(f"select {row['expression']}") for row in rows]
    found = [call for tree in trees for call in calls(tree)]
    asked = [wrapped for name, wrapped in found if name == "auth.uid"]
    assert len(asked) > 20
    assert all(asked)


def test_bare_call_would_be_found() -> None:
    """The control of the test above."""
    bare, wrapped = "select id = auth.uid()", "select id = (select auth.uid() as uid)"
    found = [list(calls(parse(text))) for text in (bare, wrapped)]
    assert found == [[("auth.uid", False)], [("auth.uid", True)]]
