"""What views and functions ask of rows and of their arguments: where HEAD's differs from BASE's. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest

from pglast import ast, parser
from pglast.enums import BoolExprType, SubLinkType

from pgassay.diff.questions import Question
from pgassay.solver.scope import Node, parse_expression, write


@dataclass(frozen=True)
class Departure:
    """A condition under which HEAD's answer may be another.

    `widens`: it finds a row that HEAD's query finds and BASE's does not; else nobody knows which way it goes.
    `within`: what else has to hold, so that a body comes to it and is not refused elsewhere.
    """

    text: str
    widens: bool = False
    within: str = field(default="", compare=False)


def contrast(before: Sequence[Question], after: Sequence[Question]) -> Iterator[Departure]:
    """Those of the questions that one side has alone; first queries, then what is decided."""
    refusing = after[-1].refusing if after else ()
    for old, new in _pairs(before, after):
        asked = new or old
        within = " and ".join(dict.fromkeys((*(asked.within if asked else ()), *refusing)))
        for departure in _depart(old, new):
            yield replace(departure, within=within)
        if old and new and not new.is_query and _may_be_alone(old.condition, new.condition):
            # What is let through may show only in rows that are looked for then.
            let_through = _beyond(old.condition, new.condition)
            for one in (one for one in after[after.index(new) :] if one.is_query):
                for found in _exists(one.rows, one.condition):
                    yield Departure(f"{let_through} and {found.text}", within=within)


def _depart(old: Question | None, new: Question | None) -> Iterator[Departure]:
    if old and new and not old.is_query:
        for one, other in ((old.condition, new.condition), (new.condition, old.condition)):
            if _may_be_alone(one, other):
                yield Departure(_beyond(one, other))
    elif old and new and old.rows == new.rows:
        widened = f"({new.condition}) and ({old.condition}) is not true"
        yield from _exists(new.rows, widened, widens=True)
    elif found := new or old:
        yield from _exists(found.rows, found.condition) if found.is_query else (Departure(found.condition),)


def _may_be_alone(one: str, other: str) -> bool:
    """Not where one condition's truth makes the other true: of what OR joins, it says less."""
    return not set(_arms(one)) <= set(_arms(other))


def _beyond(one: str, other: str) -> str:
    """True where one condition is and the other is not; of what OR joins, what both say is left out."""
    arms, others = _arms(one), _arms(other)
    more = [arm for arm in arms if arm not in others] or arms
    less = [arm for arm in others if arm not in arms]
    first, second = (" or ".join(f"({arm})" for arm in some) for some in (more, less))
    return f"({first}) and ({second}) is not true" if less else f"({first})"


def _arms(text: str) -> list[str]:
    try:
        node = parse_expression(text)
    except parser.ParseError:
        return [text]
    is_either = isinstance(node, ast.BoolExpr) and node.boolop == BoolExprType.OR_EXPR
    return [write(arm) for arm in node.args] if is_either else [write(node)]


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
