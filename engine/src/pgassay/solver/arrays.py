"""Arrays: comparisons with their elements, and such as have an element, somewhere or at a place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pglast import ast
from pglast.enums import BoolExprType

from pgassay.solver.elements import KEYS
from pgassay.solver.model import ArgumentSlot, ColumnSlot, Truth, Value
from pgassay.solver.scope import Term, constant, names_of
from pgassay.solver.state import FieldStep, Path, State, States
from pgassay.solver.syntax import call, junction, operation
from pgassay.solver.writing import quote_element

if TYPE_CHECKING:
    from pgassay.solver.search import Search

SETS = ("unnest", "jsonb_array_elements_text", "json_array_elements_text", "regexp_split_to_table", *KEYS)
"""Functions that return the elements of something, row by row."""


def compare_elements(
    search: Search, left: Term, name: str, array: Term, wanted: Truth, state: State, *, every: bool
) -> States:
    """`left = ANY (array)`, and ALL: the elements that are there; then an array that has the element."""
    for following, elements, type_ in _elements(search, array, state):
        operator = BoolExprType.AND_EXPR if every else BoolExprType.OR_EXPR
        tests = [operation(name, left.node, constant(element, type_)) for element in elements]
        if tests:
            yield from search.make(left.at(junction(operator, *tests)), wanted, following)
        elif (Truth.TRUE if every else Truth.FALSE) in wanted:
            yield following
    if Truth.NULL in wanted:
        yield from search.push(array, None, state)
    positive = Truth.TRUE in wanted and not every and name == "="
    negative = Truth.FALSE in wanted and every and name == "<>"
    for following, answer in search.pick(left, state) if positive or negative else ():
        if answer.value is not None:
            yield from search.contain(array, answer.value, following)


def _elements(search: Search, array: Term, state: State) -> Iterator[tuple[State, list[Value], str]]:
    """The elements of an array that is known, and the name of their type."""
    for following, answer in search.pick(array, state):
        if answer.value is None:
            continue
        as_json = Term(call("to_json", constant(answer.value, answer.type)), array.scope)
        found = search.terms.evaluate(as_json, following)
        if found and found.value:
            elements = json.loads(found.value)
            yield following, [_text(one) for one in elements], answer.type.removesuffix("[]")


def _text(element: object) -> Value:
    if element is None or isinstance(element, str):
        return element
    return json.dumps(element)


def contain(search: Search, array: Term, value: Value, state: State) -> States:
    """An expression that is no query has an element."""
    match array.node:
        case ast.A_ArrayExpr(elements=elements):
            for one in elements or ():
                yield from search.push(array.at(one), value, state)
        case ast.TypeCast(arg=inner) | ast.CoalesceExpr(args=(inner, *_)):
            yield from search.contain(array.at(inner), value, state)
        case ast.ColumnRef() | ast.ParamRef():
            yield from _contain_named(search, array, value, state)
        case ast.FuncCall():
            yield from _contain_called(search, array, value, state)


def contain_compared(search: Search, test: Term, array: Term, state: State) -> States:
    """What is compared is an element."""
    for following, answer in search.pick(test, state):
        if answer.value is not None:
            yield from search.contain(array, answer.value, following)


def _contain_named(search: Search, array: Term, value: Value, state: State) -> States:
    found = search.terms.resolve(array)
    if isinstance(found, Term):
        yield from search.contain(found, value, state)
    elif isinstance(found, ColumnSlot | ArgumentSlot):
        yield from search.assign(found, f"{{{quote_element(value)}}}", state)


def _contain_called(search: Search, array: Term, value: Value, state: State) -> States:
    name = names_of(array.node.funcname)[1]
    arguments = [array.at(one) for one in array.node.args or ()]
    if name == "array_agg":
        yield from search.push(arguments[0], value, state)
    elif name in ("unnest", "array_remove", "array_cat", "array_append"):
        yield from search.contain(arguments[0], value, state)
    elif name in ("string_to_array", "regexp_split_to_array", "regexp_split_to_table"):
        yield from search.push(arguments[0], value, state)
    elif name in ("jsonb_array_elements_text", "json_array_elements_text"):
        yield from search.push(arguments[0], json.dumps([value]), state)
    elif name in KEYS and value is not None:
        yield from search.push(arguments[0], "true", state, (value,))
    elif (body := search.terms.inline(array)) is not None:
        yield from search.contain(body, value, state)
    else:
        search.obstacles.meet_name(name)


def push_element(search: Search, term: Term, value: Value, state: State, path: Path) -> States:
    """An element of an array has a value, by its number."""
    node = term.node
    index = node.indirection[0]
    if isinstance(index, ast.String):
        yield from _push_field(search, term, value, state, path)
        return
    if not isinstance(index, ast.A_Indices) or index.is_slice or len(node.indirection) > 1:
        return
    for following, answer in search.pick(term.at(index.uidx), state):
        if answer.value and answer.value.lstrip("-").isdigit():
            yield from _element(search, term.at(node.arg), int(answer.value), value, following)


def _push_field(search: Search, term: Term, value: Value, state: State, path: Path) -> States:
    """`(x).a`, `(x).a.b`: fields of a composite value."""
    record, names = term.at(term.node.arg), [str(part.sval) for part in term.node.indirection]
    type_, steps = search.terms.type_of(record, state), list[str]()
    for name in names:
        fields = search.schema.fields(type_)
        if name not in fields:
            return
        steps.append(FieldStep(name, [*fields].index(name), len(fields)))
        type_ = fields[name].type
    yield from search.push(record, value, state, (*steps, *path))


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
    answer = search.terms.evaluate(array.at(array.node.args[1]), state)
    return (answer.value if answer else None) or ","
