"""What goes into a function or an operator such that a value comes out: one small rule for each.

A rule proposes; where a function loses something, such as the case of letters, one of many answers is enough.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, DivisionByZero, InvalidOperation
from typing import TYPE_CHECKING, Any

from pglast import ast
from pglast.enums import A_Expr_Kind

from pgassay.solver import constants, logic, values
from pgassay.solver.asking import Answer
from pgassay.solver.first_arguments import FIRST, Texts
from pgassay.solver.model import ClaimSlot, SettingSlot, Truth, Value
from pgassay.solver.scope import Node, Term, constant, names_of
from pgassay.solver.writing import quote_element

if TYPE_CHECKING:
    from pgassay.solver.search import Search, States
    from pgassay.solver.state import State

Path = tuple[str, ...]
Rule = Callable[["Search", Term, Value, "State", Path], "States"]


# Functions of which the first argument is unknown


def _by_first(texts: Texts) -> Rule:
    """The rule of a function whose first argument is the unknown one."""

    def rule(search: Search, term: Term, value: Value, state: State, path: Path) -> States:
        first, *rest = (term.at(argument) for argument in term.node.args)
        if path or value is None:
            yield from search.push(first, value, state, path)
            return
        for following, given in _known(search, rest, state):
            for candidate in texts(value, given):
                yield from search.push(first, candidate, following)

    return rule


def _known(search: Search, terms: list[Term], state: State) -> Iterator[tuple[State, list[Value]]]:
    """What the other arguments are."""
    if not terms:
        yield state, []
        return
    for following, answer in search.pick(terms[0], state):
        for last, rest in _known(search, terms[1:], following):
            yield last, [answer.value, *rest]


# Functions of which another argument is the unknown one, or several


def _by_second(search: Search, term: Term, value: Value, state: State, path: Path) -> States:
    """`date_trunc('day', x)`, `timezone('utc', x)`: the value is one that comes out as it went in."""
    yield from search.push(term.at(term.node.args[1]), value, state, path)


_FIELDS = {
    **{"year": "{:0>4}-01-01", "month": "2030-{:0>2}-01", "day": "2030-01-{:0>2}"},
    **{"dow": "2030-09-0{}", "isodow": "2030-09-0{}"},
    **{"hour": "2030-01-01 {:0>2}:00", "minute": "2030-01-01 00:{:0>2}", "second": "2030-01-01 00:00:{:0>2}"},
}  # fmt: skip


def _extract(search: Search, term: Term, value: Value, state: State, path: Path) -> States:
    """2030-09-01 is a Sunday."""
    field, moment = (term.at(argument) for argument in term.node.args)
    for following, answer in search.pick(field, state):
        if value is None:
            yield from search.push(moment, None, following)
        elif answer.value == "epoch":
            text = search.evaluate(term.at(_call("to_timestamp", value, "double precision")), following)
            if text and text.value:
                yield from search.push(moment, text.value, following)
        elif answer.value in _FIELDS:
            number = "7" if (answer.value, value) == ("isodow", "0") else value
            if answer.value == "dow":
                number = str(int(Decimal(value)) + 1)
            yield from search.push(moment, _FIELDS[answer.value].format(number), following)


def _call(name: str, value: str, type_: str) -> Any:  # noqa: ANN401
    return ast.FuncCall(funcname=(ast.String("pg_catalog"), ast.String(name)), args=(constant(value, type_),))


def _concatenated(search: Search, term: Term, value: Value, state: State, path: Path) -> States:
    """`concat(a, b, …)`: one part is unknown, the others are what they are."""
    yield from _concatenate(search, [term.at(one) for one in term.node.args], value, state)


def _concatenate(search: Search, parts: list[Term], value: Value, state: State) -> States:
    if value is None or not parts:
        return
    if len(parts) == 1:
        yield from search.push(parts[0], value, state)
        return
    first, *rest = parts
    if search.read(first, state).is_ground:
        for following, answer in search.pick(first, state):
            if answer.value is not None and value.startswith(answer.value):
                yield from _concatenate(search, rest, value[len(answer.value) :], following)
        return
    for following, given in _known(search, rest, state):
        after = "".join(text or "" for text in given)
        if value.endswith(after):
            yield from search.push(first, value.removesuffix(after), following)


def _current_setting(search: Search, term: Term, value: Value, state: State, path: Path) -> States:
    """The claims of the token, or another setting of the request."""
    for following, answer in search.pick(term.at(term.node.args[0]), state):
        name = answer.value or ""
        if name == "request.jwt.claims":
            yield from search.assign(ClaimSlot(path), value, following) if path else ()
        elif not name.startswith("request.jwt.") and "." in name:
            yield from search.assign(SettingSlot(name, path), value, following)


def _foldername(search: Search, term: Term, value: Value, state: State, path: Path) -> States:
    """An array of folders: as many as it has."""
    if value is not None and value.startswith("{") and '"' not in value:
        folders = value.strip("{}").replace(",", "/")
        yield from search.push(term.at(term.node.args[0]), f"{folders}/x" if folders else "x", state)


FUNCTIONS: Mapping[str, Rule] = {
    **{name: _by_first(texts) for name, texts in FIRST.items()},
    **dict.fromkeys(("date_trunc", "timezone", "convert"), _by_second),
    **dict.fromkeys(("extract", "date_part"), _extract),
    **dict.fromkeys(("concat",), _concatenated),
    "current_setting": _current_setting,
    "foldername": _foldername,
}
"""By name, those of the platform among them."""


# Operators and other expressions


def _operator(search: Search, term: Term, value: Value, state: State, path: Path) -> States:
    node = term.node
    if node.kind == A_Expr_Kind.AEXPR_NULLIF:
        yield from _nullif(search, term, value, state, path)
        return
    name = node.name[-1].sval
    if name in ("->", "->>", "#>", "#>>"):
        yield from _document(search, term, name, value, state, path)
    elif name == "||" and not path:
        yield from _concatenate(search, [term.at(node.lexpr), term.at(node.rexpr)], value, state)
    elif name in _SOLVED and node.lexpr is not None and not path:
        yield from _arithmetic(search, term, name, value, state)
    elif logic.is_condition(node) and not path:
        truth = {"true": Truth.TRUE, "false": Truth.FALSE, None: Truth.NULL}.get(value)
        yield from search.make(term, truth, state) if truth else ()


def _nullif(search: Search, term: Term, value: Value, state: State, path: Path) -> States:
    left, right = term.at(term.node.lexpr), term.at(term.node.rexpr)
    yield from search.push(left, value, state, path)
    if value is None:
        for following, answer in search.pick(right, state):
            yield from search.push(left, answer.value, following)


def _document(search: Search, term: Term, name: str, value: Value, state: State, path: Path) -> States:
    """A place in a document: `->>` gives text, so the value there is a string, or true and false."""
    for following, answer in search.pick(term.at(term.node.rexpr), state):
        if answer.value is None:
            continue
        steps = tuple(answer.value.strip("{}").split(",")) if name.startswith("#") else (answer.value,)
        inner = value if not name.endswith(">>") else _as_json(value)
        yield from search.push(term.at(term.node.lexpr), inner, following, (*steps, *path))


def _as_json(value: Value) -> Value:
    return value if value in (None, "true", "false") else json.dumps(value)


_SOLVED: Mapping[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    "+": (lambda value, right: value - right, lambda value, left: value - left),
    "-": (lambda value, right: value + right, lambda value, left: left - value),
    "*": (lambda value, right: value / right, lambda value, left: value / left),
    "/": (lambda value, right: value * right, lambda value, left: left / value),
}
"""For each operator: the left operand from the value and the right one, and the right one from the left."""
_REVERSED = {"+": "-", "-": "+", "*": "/", "/": "*"}


def _arithmetic(search: Search, term: Term, name: str, value: Value, state: State) -> States:
    """One unknown: numbers by the rule, moments by the server's own arithmetic."""
    left, right = term.at(term.node.lexpr), term.at(term.node.rexpr)
    for one, other, rule in ((left, right, 0), (right, left, 1)):
        if value is None:
            yield from search.push(one, None, state)
            continue
        for following, answer in search.pick(other, state):
            if answer.value is None:
                continue
            if values.plain_type(answer.type) in values.NUMBERS and _number(value) is not None:
                yield from _solved(search, one, _SOLVED[name][rule], value, answer.value, following)
            elif rule == 1 and name == "-":  # what is taken away
                yield from _moved(search, one, answer, "-", Answer(value), following)
            elif name in "+-":
                yield from _moved(search, one, Answer(value), _REVERSED[name], answer, following)


def _number(value: str) -> Decimal | None:
    try:
        return Decimal(value)
    except InvalidOperation:
        return None


def _solved(
    search: Search, term: Term, solve: Callable[[Any, Any], Any], value: str, other: str, state: State
) -> States:
    try:
        found = format(solve(Decimal(value), Decimal(other)), "f")
    except (DivisionByZero, InvalidOperation):
        return
    yield from search.push(term, found.rstrip("0").rstrip(".") if "." in found else found, state)


def _moved(search: Search, term: Term, left: Answer, name: str, right: Answer, state: State) -> States:
    """What the server makes of two moments or intervals; the value itself comes without its type."""
    for type_ in ("timestamptz", "interval", "date"):
        one, other = (
            constant(side.value, type_ if side.type == "text" else side.type) for side in (left, right)
        )
        found = search.evaluate(term.at(logic.operation(name, one, other)), state)
        if found and found.value is not None:
            yield from search.push(term, found.value, state)
            return


def _coalesce(search: Search, term: Term, value: Value, state: State, path: Path) -> States:
    """The first, or the next where it is null."""
    first, *rest = term.node.args
    if not rest:
        yield from search.push(term.at(first), value, state, path)
        return
    if value is not None:
        yield from search.push(term.at(first), value, state, path)
    following = term.at(ast.CoalesceExpr(args=tuple(rest)))
    for nulled in search.push(term.at(first), None, state):
        yield from search.push(following, value, nulled, path)


def _case(search: Search, term: Term, value: Value, state: State, path: Path) -> States:
    def fits(result: Node) -> bool:
        known = constants.read(result)
        return path != () or known is None or known.value == value

    for result, following in logic.arms(search, term, state, fits):
        yield from search.push(result, value, following, path)


def _part(search: Search, term: Term, value: Value, state: State, path: Path) -> States:
    """An element of an array by its number, or a field of a row."""
    node = term.node
    index = node.indirection[0]
    if not isinstance(index, ast.A_Indices) or index.is_slice or len(node.indirection) > 1:
        return
    for following, answer in search.pick(term.at(index.uidx), state):
        if answer.value and answer.value.lstrip("-").isdigit():
            yield from _element(search, term.at(node.arg), int(answer.value), value, following)


def _element(search: Search, array: Term, place: int, value: Value, state: State) -> States:
    node = array.node
    name = names_of(array.node.funcname)[1] if isinstance(node, ast.FuncCall) else ""
    if name in ("foldername", "string_to_array", "regexp_split_to_array", "regexp_split"):
        delimiter = "/" if name == "foldername" else _delimiter(search, array, state)
        before, after = f"x{delimiter}" * (place - 1), f"{delimiter}x" if name == "foldername" else ""
        text = "x" if value is None else f"{before}{value}{after}"
        yield from search.push(array.at(node.args[0]), text, state)
        if name == "foldername" and value is not None:
            yield from search.push(array.at(node.args[0]), f"{before}{value}/{search.purpose}", state)
    elif isinstance(node, ast.TypeCast):
        yield from _element(search, array.at(node.arg), place, value, state)
    elif value is not None:
        elements = ["NULL"] * (place - 1) + [quote_element(value)]
        yield from search.push(array, f"{{{','.join(elements)}}}", state)
    else:
        yield from search.push(array, "{}", state)


def _delimiter(search: Search, array: Term, state: State) -> str:
    answer = search.evaluate(array.at(array.node.args[1]), state)
    return (answer.value if answer else None) or ","


def _greatest(search: Search, term: Term, value: Value, state: State, path: Path) -> States:
    for one in term.node.args:
        yield from search.push(term.at(one), value, state, path)


NODES: Mapping[type, Rule] = {
    ast.A_Expr: _operator,
    ast.CoalesceExpr: _coalesce,
    ast.CaseExpr: _case,
    ast.A_Indirection: _part,
    ast.MinMaxExpr: _greatest,
    ast.CollateClause: lambda search, term, value, state, path: search.push(
        term.at(term.node.arg), value, state, path
    ),
}
"""By the class of a node."""


# Functions that are conditions


def _starts_with(search: Search, term: Term, wanted: Truth, state: State) -> States:
    left, right = (term.at(argument) for argument in term.node.args)
    return logic.compare(search, left, "^@", right, wanted, state)


def _operator_of(name: str) -> Callable[[Search, Term, Truth, State], States]:
    def rule(search: Search, term: Term, wanted: Truth, state: State) -> States:
        left, right = (term.at(argument) for argument in term.node.args)
        return logic.compare(search, left, name, right, wanted, state)

    return rule


CONDITIONS: Mapping[str, Callable[[Search, Term, Truth, State], States]] = {
    "starts_with": _starts_with,
    "jsonb_exists": _operator_of("?"),
    "jsonb_contains": _operator_of("@>"),
    "textregexeq": _operator_of("~"),
}
