"""How a policy is spelled in the files: the server's own text has all parentheses, and says nothing of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pglast import ast, parser
from pglast.enums import BoolExprType
from pglast.stream import RawStream

from pgassay.catalog.model import Policy
from pgassay.database import Script
from pgassay.plpgsql.definitions import Definitions

_OPEN, _CLOSED, _END = "ASCII_40", "ASCII_41", "ASCII_59"


def is_mixed(scripts: Sequence[Script], definitions: Definitions, policy: Policy) -> bool:
    """Whether the statement that made it joins conditions with AND and OR, and no parentheses between."""
    place = definitions.known.get(policy.key)
    script = next((one for one in scripts if place and one.path == place.file), None)
    if place is None or script is None:
        return False
    rest = "\n".join(script.text.split("\n")[place.line - 1 :])[place.column - 1 :]
    return _mixes(_statement(rest))


def _statement(text: str) -> list[str]:
    """The tokens of the first statement."""
    try:
        tokens = [token.name for token in parser.scan(text)]
    except parser.ParseError:
        return []
    return tokens[: tokens.index(_END)] if _END in tokens else tokens


def _mixes(tokens: Sequence[str]) -> bool:
    """Whether both words stand between the same parentheses; BETWEEN has an AND of its own."""
    levels: list[set[str]] = [set()]
    for token in tokens:
        if token == _OPEN:
            levels.append(set())
        elif token == _CLOSED and len(levels) > 1:
            levels.pop()
        elif token == "AND" and "BETWEEN" in levels[-1]:  # noqa: S105 - a word of SQL
            levels[-1].discard("BETWEEN")
        elif token in ("AND", "OR", "BETWEEN"):
            levels[-1].add(token)
        if levels[-1] >= {"AND", "OR"}:
            return True
    return False


def otherwise_grouped(clause: str) -> tuple[str, str] | None:
    """`a and b or c` read as `a and (b or c)`; with it what `or` lets through alone. None of other shapes."""
    node = _expression(clause)
    arms = list(node.args) if _joins(node, BoolExprType.OR_EXPR) else []
    groups = [arm for arm in arms if _joins(arm, BoolExprType.AND_EXPR)]
    if len(groups) != 1:
        return None
    place = arms.index(groups[0])
    before, after = arms[:place], arms[place + 1 :]
    first, *middle, last = groups[0].args
    parts = [_any([*before, first]), *map(_text, middle), _any([last, *after])]
    return " and ".join(f"({part})" for part in parts), _any([*before, *after])


def _expression(clause: str) -> Any:  # noqa: ANN401 - pglast's trees are untyped
    select: Any = parser.parse_sql(f"select {clause}")[0].stmt
    return select.targetList[0].val


def _joins(node: Any, how: BoolExprType) -> bool:  # noqa: ANN401
    return isinstance(node, ast.BoolExpr) and node.boolop == how


def _any(nodes: Sequence[Any]) -> str:
    return " or ".join(_each(nodes))


def _each(nodes: Sequence[Any]) -> Iterator[str]:
    return (f"({_text(node)})" for node in nodes)


def _text(node: Any) -> str:  # noqa: ANN401
    return str(RawStream()(node))
