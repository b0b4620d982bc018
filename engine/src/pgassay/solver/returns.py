"""What RETURN says where libpg_query leaves it out: of `return x` with a variable it tells nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pgassay.plpgsql.grammar import parse_body

_RETURNS = ("PLpgSQL_stmt_return", "PLpgSQL_stmt_return_next", "PLpgSQL_stmt_return_query")


def restore_returns(document: Any, body: str) -> None:  # noqa: ANN401 - JSON
    """Put the variables back into a parsed function, from its text. Raises UnplacedError."""
    written = [body[one.start : one.end] for one in parse_body(body).walk() if one.kind == "return"]
    for (kind, statement), text in zip(_returns(document), written, strict=False):
        variable = text.strip().removesuffix(";")[len("return") :].strip()
        if kind == _RETURNS[0] and "expr" not in statement and variable:
            statement["expr"] = {"PLpgSQL_expr": {"query": variable}}


def _returns(node: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """The RETURN statements in the order of the text, without those that nobody wrote."""
    if isinstance(node, list):
        for item in node:
            yield from _returns(item)
    if isinstance(node, dict):
        for name, value in node.items():
            if name in _RETURNS and "lineno" in value:
                yield name, value
            yield from _returns(value)
