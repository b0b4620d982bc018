"""What stands beside an operator such that a value comes out: documents, texts, numbers and moments."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal, DivisionByZero, InvalidOperation
from typing import TYPE_CHECKING, Any

from pglast import ast
from pglast.enums import A_Expr_Kind

from pgassay.solver import values
from pgassay.solver.asking import Answer
from pgassay.solver.conditional import push_nullif
from pgassay.solver.model import Truth, Value
from pgassay.solver.scope import Term, constant
from pgassay.solver.state import Path, State, States, element_step
from pgassay.solver.syntax import is_condition, operation

if TYPE_CHECKING:
    from pgassay.solver.search import Search


def push(search: Search, term: Term, value: Value, state: State, path: Path) -> States:
    """An A_Expr has a value."""
    node = term.node
    if node.kind == A_Expr_Kind.AEXPR_NULLIF:
        yield from push_nullif(search, term, value, state, path)
        return
    name = node.name[-1].sval
    if name in ("->", "->>", "#>", "#>>"):
        yield from _document(search, term, name, value, state, path)
    elif name == "||" and not path:
        yield from concatenate(search, _joined(term), value, state)
    elif name in _SOLVED and node.lexpr is not None and not path:
        yield from _arithmetic(search, term, name, value, state)
    elif name in _BITS and node.lexpr is not None and not path:
        yield from _bits(search, term, value, state)
    elif is_condition(node) and not path:
        truth = {"true": Truth.TRUE, "false": Truth.FALSE, None: Truth.NULL}.get(value)
        yield from search.make(term, truth, state) if truth else ()


def _document(search: Search, term: Term, name: str, value: Value, state: State, path: Path) -> States:
    """A place in a document: `->>` gives text, so the value there is a string, or true and false.

    With a `path` the text is read as a document again, and the value is JSON already.
    """
    for following, answer in search.pick(term.at(term.node.rexpr), state):
        if answer.value is None:
            continue
        if name.startswith("#"):
            steps = tuple(filter(None, answer.value.strip("{}").split(",")))
        elif values.plain_type(answer.type) in values.INTEGERS and answer.value.isdigit():
            steps = (element_step(int(answer.value)),)
        else:
            steps = (answer.value,)
        inner = _as_json(value) if name.endswith(">>") and not path else value
        yield from search.push(term.at(term.node.lexpr), inner, following, (*steps, *path))


def _as_json(value: Value) -> Value:
    return value if value in (None, "true", "false") else json.dumps(value)


def concatenate(search: Search, parts: list[Term], value: Value, state: State) -> States:
    """Texts joined: one part is unknown, the others are what they are."""
    if value is None or not parts:
        return
    if len(parts) == 1:
        yield from search.push(parts[0], value, state)
        return
    first, *rest = parts
    if search.terms.read(first, state).is_ground:
        for following, answer in search.pick(first, state):
            if answer.value is not None and value.startswith(answer.value):
                yield from concatenate(search, rest, value[len(answer.value) :], following)
        return
    yield from _up_to(search, first, rest, value, state)
    for following, given in search.pick_all(rest, state):
        after = "".join(text or "" for text in given)
        if value.endswith(after):
            yield from search.push(first, value.removesuffix(after), following)


def _joined(term: Term) -> list[Term]:
    """All that `a || b || c` joins."""
    match term.node:
        case ast.A_Expr(name=(*_, ast.String(sval="||")), lexpr=left, rexpr=right) if left is not None:
            return [*_joined(term.at(left)), term.at(right)]
    return [term]


def _up_to(search: Search, first: Term, rest: list[Term], value: str, state: State) -> States:
    """The unknown first part reaches up to where the next one, which is known, begins."""
    if not search.terms.read(rest[0], state).is_ground:
        return
    for following, answer in search.pick(rest[0], state):
        places = [n for n in range(len(value)) if answer.value and value.startswith(answer.value, n)]
        for place in places:
            for begun in search.push(first, value[:place], following):
                yield from concatenate(search, rest, value[place:], begun)


# Arithmetic

_SOLVED: Mapping[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    "+": (lambda value, right: value - right, lambda value, left: value - left),
    "-": (lambda value, right: value + right, lambda value, left: left - value),
    "*": (lambda value, right: value / right, lambda value, left: value / left),
    "/": (lambda value, right: value * right, lambda value, left: left / value),
    "%": (lambda value, _: value, lambda value, left: left - value),
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


_BITS = ("&", "|", "#")


def _bits(search: Search, term: Term, value: Value, state: State) -> States:
    """One unknown: the bits that come out, else all that the mask has; xor is its own inverse."""
    left, right = term.at(term.node.lexpr), term.at(term.node.rexpr)
    for one, other in ((left, right), (right, left)):
        for following, answer in search.pick(other, state):
            candidates = [value, answer.value]
            if term.node.name[-1].sval == "#" and value and answer.value and (value + answer.value).isdigit():
                candidates = [str(int(value) ^ int(answer.value))]
            for candidate in dict.fromkeys(candidates):
                yield from search.push(one, candidate, following)


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
        found = search.terms.evaluate(term.at(operation(name, one, other)), state)
        if found and found.value is not None:
            yield from search.push(term, found.value, state)
            return
