"""What goes into a function of the server's such that a value comes out: one small rule for each.

A rule proposes; where a function loses something, such as the case of letters, one of many answers is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from itertools import combinations
from typing import TYPE_CHECKING

from pglast import ast
from pglast.enums import NullTestType, SubLinkType

from pgassay.solver import arrays, documents, logic
from pgassay.solver.first_arguments import FIRST, Texts
from pgassay.solver.model import ClaimSlot, SettingSlot, Truth, Value
from pgassay.solver.operators import concatenate
from pgassay.solver.predicates import compare
from pgassay.solver.scope import Term, constant, parse_type
from pgassay.solver.state import Path, State, States
from pgassay.solver.syntax import call, count_of, operation

if TYPE_CHECKING:
    from pgassay.solver.search import Search

Rule = Callable[["Search", Term, Value, State, Path], States]
"""States in which a term has a value, or its document has it at a place."""


# Functions of which the first argument is unknown


def _by_first(texts: Texts) -> Rule:
    """The rule of a function whose first argument is the unknown one."""

    def rule(search: Search, term: Term, value: Value, state: State, path: Path) -> States:
        first, *rest = (term.at(argument) for argument in term.node.args)
        if path or value is None:
            yield from search.push(first, value, state, path)
            return
        for following, given in search.pick_all(rest, state):
            for candidate in texts(value, given):
                yield from search.push(first, candidate, following)

    return rule


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
            converted = call("to_timestamp", constant(value, "double precision"))
            found = search.terms.evaluate(term.at(converted), following)
            if found and found.value:
                yield from search.push(moment, found.value, following)
        elif answer.value and search.terms.type_of(moment, following) == "interval":
            yield from search.push(moment, f"{value} {answer.value}s", following)
        elif answer.value in _FIELDS:
            number = "7" if (answer.value, value) == ("isodow", "0") else value
            if answer.value == "dow":
                number = str(int(Decimal(value)) + 1)
            yield from search.push(moment, _FIELDS[answer.value].format(number), following)


def _age(search: Search, term: Term, value: Value, state: State, _: Path) -> States:
    """`age(x)`, counted from today."""
    if value is None or len(term.node.args) > 1:
        return
    today = ast.TypeCast(arg=constant("today", "timestamp"), typeName=parse_type("timestamp"))
    then = operation("-", today, constant(value, "interval"))
    found = search.terms.evaluate(term.at(then), state)
    if found and found.value:
        yield from search.push(term.at(term.node.args[0]), found.value, state)


def _concatenated_with(search: Search, term: Term, value: Value, state: State, _: Path) -> States:
    """`concat_ws(',', a, b, …)`: as `a || ',' || b`, where nothing is null."""
    separator, *parts = term.node.args
    joined = [node for part in parts for node in (separator, part)][1:]
    yield from concatenate(search, [term.at(one) for one in joined], value, state)


def _concatenated(search: Search, term: Term, value: Value, state: State, path: Path) -> States:
    """`concat(a, b, …)`: one part is unknown, the others are what they are."""
    yield from concatenate(search, [term.at(one) for one in term.node.args], value, state)


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


_LEAST, _MOST = (
    {"moment": "0001-01-01", "number": "-2147483648"},
    {"moment": "9999-12-31", "number": "2147483647"},
)


def _bound_or_case(name: str) -> Rule:
    """`lower` and `upper`: of a text its letters; of a range a bound, with a range as wide as there is."""
    of_text = _by_first(FIRST[name])

    def rule(search: Search, term: Term, value: Value, state: State, path: Path) -> States:
        argument = term.at(term.node.args[0])
        kind = search.terms.type_of(argument, state)
        if "range" not in kind or value is None:
            yield from of_text(search, term, value, state, path)
            return
        of_what = "number" if kind.startswith(("int", "num")) else "moment"
        wide = f'["{value}","{_MOST[of_what]}")' if name == "lower" else f'["{_LEAST[of_what]}","{value}")'
        yield from search.push(argument, wide, state)

    return rule


_LENGTHS = ("cardinality", "array_length", "array_upper")


def _length_of_array(name: str) -> Rule:
    """Of what a query finds so many rows; of another array so many elements."""
    of_array = _by_first(FIRST[name])

    def rule(search: Search, term: Term, value: Value, state: State, path: Path) -> States:
        array = search.terms.unfold(term.at(term.node.args[0]))
        match array.node:
            case ast.SubLink(subLinkType=SubLinkType.ARRAY_SUBLINK, subselect=query) if value is not None:
                yield from search.push(array.at(count_of(query)), value, state, path)
            case _:
                yield from of_array(search, term, value, state, path)

    return rule


def _element_of(search: Search, term: Term, value: Value, state: State, path: Path) -> States:
    """What returns the elements of something, row by row, has this one."""
    if value is not None and not path:
        yield from search.contain(term, value, state)


def _array_position(search: Search, term: Term, value: Value, state: State, _: Path) -> States:
    """Wherever it is, the element is there."""
    array, element, *_rest = (term.at(argument) for argument in term.node.args)
    if value is None:
        yield from search.push(array, "{}", state)
    else:
        yield from arrays.contain_compared(search, element, array, state)


def _number_of(null: NullTestType) -> Rule:
    """`num_nulls(a, b, …)`, `num_nonnulls`: so many of the arguments, the first ones first."""

    def rule(search: Search, term: Term, value: Value, state: State, _: Path) -> States:
        arguments = term.node.args or ()
        if value is None or not value.isdigit():
            return
        for chosen in combinations(range(len(arguments)), int(value)):
            tests = [
                (
                    term.at(ast.NullTest(arg=node, nulltesttype=null)),
                    Truth.TRUE if number in chosen else Truth.FALSE,
                )
                for number, node in enumerate(arguments)
            ]
            yield from logic.each(search, tests, state)

    return rule


FUNCTIONS: Mapping[str, Rule] = {
    **{name: _by_first(texts) for name, texts in FIRST.items()},
    **{name: _bound_or_case(name) for name in ("lower", "upper")},
    **{name: _length_of_array(name) for name in _LENGTHS},
    **dict.fromkeys(arrays.SETS, _element_of),
    "array_position": _array_position,
    "num_nulls": _number_of(NullTestType.IS_NULL),
    "num_nonnulls": _number_of(NullTestType.IS_NOT_NULL),
    **dict.fromkeys(("date_trunc", "timezone", "convert"), _by_second),
    **dict.fromkeys(("extract", "date_part"), _extract),
    "age": _age,
    "concat": _concatenated,
    "concat_ws": _concatenated_with,
    "current_setting": _current_setting,
    "foldername": _foldername,
    "jsonb_path_query_first": documents.push_path,
}
"""By name, those of the platform among them."""


# Functions that are conditions


def _starts_with(search: Search, term: Term, wanted: Truth, state: State) -> States:
    left, right = (term.at(argument) for argument in term.node.args)
    return compare(search, left, "^@", right, wanted, state)


def _operator_of(name: str) -> Callable[[Search, Term, Truth, State], States]:
    def rule(search: Search, term: Term, wanted: Truth, state: State) -> States:
        left, right = (term.at(argument) for argument in term.node.args)
        return compare(search, left, name, right, wanted, state)

    return rule


def _on_path(
    rule: Callable[[Search, list[Term], Truth, State], States],
) -> Callable[[Search, Term, Truth, State], States]:
    """With a document, a path and perhaps variables; whether errors are silent matters to nobody."""

    def hold(search: Search, term: Term, wanted: Truth, state: State) -> States:
        return rule(search, [term.at(argument) for argument in term.node.args[:3]], wanted, state)

    return hold


CONDITIONS: Mapping[str, Callable[[Search, Term, Truth, State], States]] = {
    "starts_with": _starts_with,
    "jsonb_exists": _operator_of("?"),
    "jsonb_contains": _operator_of("@>"),
    "textregexeq": _operator_of("~"),
    **dict.fromkeys(("jsonb_path_exists", "jsonb_path_exists_tz"), _on_path(documents.find_path)),
    **dict.fromkeys(("jsonb_path_match", "jsonb_path_match_tz"), _on_path(documents.match_path)),
}
