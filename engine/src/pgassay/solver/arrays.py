"""Comparisons with the elements of an array, and arrays that have an element."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pglast import ast
from pglast.enums import BoolExprType, SubLinkType

from pgassay.solver import logic, queries
from pgassay.solver.model import ArgumentSlot, ColumnSlot, Truth, Value
from pgassay.solver.scope import Node, Term, constant, names_of
from pgassay.solver.writing import quote_element

if TYPE_CHECKING:
    from pgassay.solver.search import Search, States
    from pgassay.solver.state import State

SETS = ("unnest", "jsonb_array_elements_text", "json_array_elements_text", "regexp_split_to_table")
"""Functions that return the elements of something, row by row."""


def compare_elements(
    search: Search, left: Term, name: str, array: Term, wanted: Truth, state: State, *, every: bool
) -> States:
    """`left = ANY (array)`, and ALL: the elements that are there; then an array that has the element."""
    for following, elements, type_ in _elements(search, array, state):
        operator = BoolExprType.AND_EXPR if every else BoolExprType.OR_EXPR
        tests = [logic.operation(name, left.node, constant(element, type_)) for element in elements]
        if tests:
            yield from search.make(left.at(logic.junction(operator, *tests)), wanted, following)
        elif (Truth.TRUE if every else Truth.FALSE) in wanted:
            yield following
    if Truth.NULL in wanted:
        yield from search.push(array, None, state)
    positive = Truth.TRUE in wanted and not every and name == "="
    negative = Truth.FALSE in wanted and every and name == "<>"
    for following, answer in search.pick(left, state) if positive or negative else ():
        if answer.value is not None:
            yield from contain(search, array, answer.value, following)


def _elements(search: Search, array: Term, state: State) -> Iterator[tuple[State, list[Value], str]]:
    """The elements of an array that is known, and the name of their type."""
    for following, answer in search.pick(array, state):
        if answer.value is None:
            continue
        as_json = Term(_call("to_json", constant(answer.value, answer.type)), array.scope)
        found = search.evaluate(as_json, following)
        if found and found.value:
            elements = json.loads(found.value)
            yield following, [_text(one) for one in elements], answer.type.removesuffix("[]")


def _call(name: str, *arguments: Node) -> Node:
    return ast.FuncCall(funcname=(ast.String("pg_catalog"), ast.String(name)), args=arguments)


def _text(element: object) -> Value:
    if element is None or isinstance(element, str):
        return element
    return json.dumps(element)


def contain(search: Search, array: Term, value: Value, state: State) -> States:
    """States in which an array, or what a function returns row by row, has an element."""
    search.step()
    match array.node:
        case ast.SubLink(subLinkType=SubLinkType.ARRAY_SUBLINK | SubLinkType.EXPR_SUBLINK):
            yield from queries.push(search, array, value, state, element=True)
        case ast.A_ArrayExpr(elements=elements):
            for one in elements or ():
                yield from search.push(array.at(one), value, state)
        case ast.TypeCast(arg=inner) | ast.CoalesceExpr(args=(inner, *_)):
            yield from contain(search, array.at(inner), value, state)
        case ast.ColumnRef() | ast.ParamRef():
            yield from _contain_named(search, array, value, state)
        case ast.FuncCall():
            yield from _contain_called(search, array, value, state)


def contain_compared(search: Search, test: Term, array: Term, state: State) -> States:
    """What is compared is an element."""
    for following, answer in search.pick(test, state):
        if answer.value is not None:
            yield from contain(search, array, answer.value, following)


def _contain_named(search: Search, array: Term, value: Value, state: State) -> States:
    found = search.resolve(array)
    if isinstance(found, Term):
        yield from contain(search, found, value, state)
    elif isinstance(found, ColumnSlot | ArgumentSlot):
        yield from search.assign(found, f"{{{quote_element(value)}}}", state)


def _contain_called(search: Search, array: Term, value: Value, state: State) -> States:
    name = names_of(array.node.funcname)[1]
    arguments = [array.at(one) for one in array.node.args or ()]
    if name == "array_agg":
        yield from search.push(arguments[0], value, state)
    elif name in ("unnest", "array_remove", "array_cat", "array_append"):
        yield from contain(search, arguments[0], value, state)
    elif name in ("string_to_array", "regexp_split_to_array", "regexp_split_to_table"):
        yield from search.push(arguments[0], value, state)
    elif name in ("jsonb_array_elements_text", "json_array_elements_text"):
        yield from search.push(arguments[0], json.dumps([value]), state)
    elif (body := search.inline(array)) is not None:
        yield from contain(search, body, value, state)
    else:
        search.name_obstacle(name)
