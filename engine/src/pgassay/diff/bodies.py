"""What functions ask of rows and of their arguments, and when they come to ask it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from pglast import ast, parser
from pglast.enums import BoolExprType, BoolTestType, NullTestType
from pglast.visitors import Visitor

from pgassay.catalog.model import Function
from pgassay.diff.questions import Question, of_statement, read_query
from pgassay.solver.bodies import datum_names, existence, is_raising, only_column, read_assignment, scalar
from pgassay.solver.functions import read_block
from pgassay.solver.schema import Schema
from pgassay.solver.scope import Node, parse_expression, write
from pgassay.solver.syntax import junction

_FOUND = "found"
_PREFIX = "PLpgSQL_stmt_"
_LEAVING = ("return", "exit")
_REPEATING = ("loop", "while", "fori", "fors", "forc", "foreach_a", "dynfors", "case")
_LONGEST = 4_000  # characters of an expression that stands for a variable

Statement = Mapping[str, Any]


def read_function(function: Function, schema: Schema) -> tuple[Question, ...]:
    """The queries of a body and, of PL/pgSQL, what it decides by; nothing where it cannot be read."""
    if function.language == "sql" and not function.sql_body:
        return read_query(function.body)
    block = read_block(function, schema) if function.language == "plpgsql" else None
    return tuple(_Body(block).read()) if block else ()


class _Body:
    """Goes through the statements of a body in their order.

    A variable stands for what it was given last; not where loops, CASE or some of the ways through an IF give
    it another.
    """

    def __init__(self, block: Mapping[str, Any]) -> None:
        self._block = block
        self._names = list(datum_names(block.get("datums", ())))
        self._known: dict[str, _Value] = {}
        self._after: tuple[str, ...] = ()
        self._deep = 0
        self._refusing: list[str] = []

    def read(self) -> Iterator[Question]:
        questions = tuple(self._go())
        for one in questions:
            yield replace(one, refusing=tuple(self._refusing))

    def _go(self) -> Iterator[Question]:
        for datum in self._block.get("datums", ()):
            declared = datum.get("PLpgSQL_var", {})
            if "default_val" in declared:
                with suppress(parser.ParseError):
                    value = parse_expression(_text(declared["default_val"]))
                    self._know(declared["refname"], value, is_said=True)
        yield from self._each([self._block["action"]])

    def _each(self, statements: Sequence[Statement]) -> Iterator[Question]:
        for statement in statements:
            for kind, said in statement.items():
                yield from self._one(kind.removeprefix(_PREFIX), said)

    def _one(self, kind: str, said: Statement) -> Iterator[Question]:
        if kind == "block":
            yield from self._each(said.get("body", ()))
            yield from self._within(said.get("exceptions"))
        elif kind == "if":
            yield from self._decide(said)
        elif kind == "assign":
            yield from self._within(said)
            self._assign(said)
        elif kind in _REPEATING:
            given, after = _given(said, self._names), self._after
            self._known = {name: value for name, value in self._known.items() if name not in given}
            known = dict(self._known)
            self._deep += 1
            yield from self._within(said)
            self._deep -= 1
            self._known, self._after = known, after
        else:
            yield from self._within(said)
            self._find(kind, said)

    def _within(self, part: Any) -> Iterator[Question]:  # noqa: ANN401 - JSON
        """Whatever stands in a part."""
        if isinstance(part, list):
            for one in part:
                yield from self._within(one)
        elif isinstance(part, dict):
            for name, value in part.items():
                if name.startswith(_PREFIX):
                    yield from self._one(name.removeprefix(_PREFIX), value)
                elif name == "cond":
                    yield from self._ask(value)
                elif name == "PLpgSQL_expr":
                    yield from map(self._mean, read_query(value["query"]))
                else:
                    yield from self._within(value)

    def _ask(self, condition: Statement) -> Iterator[Question]:
        with suppress(parser.ParseError):
            yield self._mean(Question("", write(parse_expression(_text(condition)))))

    def _mean(self, question: Question) -> Question:
        """With what its variables stand for. Two are the same if they are written the same, assignments too:
        nothing else says what was assigned otherwise.
        """
        said = {name: one.said for name, one in self._known.items() if one.said is not None}
        test = _put(said, question.test)
        return replace(question, test=test, meant=self._replace(question.test), within=self._after)

    def _decide(self, said: Statement) -> Iterator[Question]:
        """IF: each way with what leads to it; behind it, what leads past the ways that come to an end."""
        before, known = self._after, dict(self._known)
        ways = [(said["cond"], said.get("then_body", ()))]
        ways += [(one["cond"], one.get("stmts", ())) for one in _elsifs(said)]
        refused: list[str] = []
        passed: list[str] = []
        changed: set[str] = set()
        self._deep += 1
        for condition, statements in (*ways, (None, said.get("else_body", ()))):
            self._known, self._after = dict(known), (*before, *refused)
            if condition is not None:
                yield from self._ask(condition)
                test = self._replace(_text(condition))
                self._after = (*self._after, f"({test})")
            earlier = [f"not ({one})" for one in refused]
            refused += [f"({test}) is not true"] if condition is not None else []
            yield from self._each(statements)
            if _ends(statements):
                # Whoever comes behind it did not go in: he took an earlier way, or this one was not open.
                last = refused[len(earlier) :]
                passed.append(f"({' or '.join((*earlier, *last))})")
                self._refusing += passed[-1:] if self._deep == 1 and _raises(statements) else []
            else:
                changed |= _differ(known, self._known)
        self._deep -= 1
        self._known = {name: value for name, value in known.items() if name not in changed}
        self._after = (*before, *passed)

    def _assign(self, said: Statement) -> None:
        name = self._names[said.get("varno", 0)]
        self._known.pop(name, None)
        with suppress(parser.ParseError):
            if (value := read_assignment(said)) is not None:
                self._know(name, value, is_said=True)

    def _find(self, kind: str, said: Statement) -> None:
        """What INTO gives, and whether there was a row."""
        text = said.get("sqlstmt") if kind == "execsql" else said.get("expr") if kind == "perform" else None
        target: tuple[str, Statement] = next(iter(said.get("target", {}).items()), ("", {}))
        for name in (*(one["name"] for one in target[1].get("fields", ())), target[1].get("refname", "")):
            self._known.pop(name, None)
        if text is None:
            return
        self._known.pop(_FOUND, None)
        with suppress(parser.ParseError):
            for raw in parser.parse_sql(_text(text))[:1]:
                self._find_rows(raw.stmt, target)

    def _find_rows(self, node: Node, target: tuple[str, Statement]) -> None:
        questions = tuple(of_statement(node))
        if not isinstance(node, ast.SelectStmt) or node.op or not questions:
            return
        self._know(_FOUND, existence(node))
        kind, into = target
        columns = node.targetList or ()
        if kind == "PLpgSQL_row":
            for one, column in zip(into["fields"], columns, strict=False):
                self._know(one["name"], scalar(only_column(node, column.val)))
        elif into:
            # A record, or a variable of a type that libpg_query does not know.
            self._know(into["refname"], scalar(node))

    def _know(self, name: str, value: Node, *, is_said: bool = False) -> None:
        text = self._replace(write(value))
        if len(text) <= _LONGEST:
            meant = parse_expression(text)
            self._known[name] = _Value(meant=meant, said=meant if is_said else None)

    def _replace(self, text: str) -> str:
        """An expression with what its variables stand for."""
        return _put({name: one.meant for name, one in self._known.items()}, text)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Value:
    """What a variable stands for; `said`: by an assignment, not by a query."""

    meant: Node
    said: Node | None


def _put(known: Mapping[str, Node], text: str) -> str:
    """An expression with these in the place of their names."""
    if not known:
        return text
    with suppress(parser.ParseError):
        [raw] = parser.parse_sql(f"select {text}")
        _Meaning(known)(raw)
        select: Node = raw.stmt
        return write(_without_case(select.targetList[0].val))
    return text


def _without_case(node: Node) -> Node:
    """Whether a CASE of constants gives any, as a condition: whether one of its conditions is true."""
    case = node.arg if isinstance(node, ast.NullTest) else None
    if not isinstance(case, ast.CaseExpr) or case.arg is not None or case.defresult is not None:
        return node
    ways: tuple[Node, ...] = case.args or ()
    if not all(isinstance(one.result, ast.A_Const) and not one.result.isnull for one in ways):
        return node
    either = junction(BoolExprType.OR_EXPR, *(one.expr for one in ways))
    is_null = node.nulltesttype == NullTestType.IS_NULL
    return ast.BooleanTest(arg=either, booltesttype=BoolTestType.IS_NOT_TRUE) if is_null else either


class _Meaning(Visitor):
    """Puts what they stand for in the place of variables, and of fields of records."""

    def __init__(self, known: Mapping[str, Node]) -> None:
        self._known = known

    def visit_ColumnRef(self, _: object, node: Node) -> Node | None:  # noqa: N802 - pglast's name
        names = [part.sval for part in node.fields if isinstance(part, ast.String)]
        value = self._known.get(str(names[0])) if names and len(names) == len(node.fields) else None
        match names[1:], value:
            case [], _:
                return value
            case [str(field)], ast.SubLink():
                return _field(value, field)
        return None


def _field(row: Node, name: str) -> Node:
    """A column of the query that gives a record."""
    named = (one.val for one in row.subselect.targetList or () if one.name == name)
    column = next(named, ast.ColumnRef(fields=(ast.String(name),)))
    return scalar(only_column(row.subselect, column))


def _text(expression: Statement) -> str:
    return str(expression["PLpgSQL_expr"]["query"])


def _elsifs(said: Statement) -> Iterator[Statement]:
    return (one["PLpgSQL_if_elsif"] for one in said.get("elsif_list", ()))


def _ends(statements: Sequence[Statement]) -> bool:
    """Whether whoever goes in does not come out behind it."""
    return bool(statements) and (_kind_of(statements[-1]) in _LEAVING or _raises(statements))


def _raises(statements: Sequence[Statement]) -> bool:
    return _kind_of(statements[-1]) == "raise" and is_raising(next(iter(statements[-1].values())))


def _kind_of(statement: Statement) -> str:
    return next(iter(statement)).removeprefix(_PREFIX)


def _differ(one: Mapping[str, _Value], other: Mapping[str, _Value]) -> set[str]:
    return {name for name in (*one, *other) if one.get(name) is not other.get(name)}


def _given(part: Any, names: Sequence[str]) -> set[str]:  # noqa: ANN401 - JSON
    """The variables that the statements of a loop give other values."""
    if isinstance(part, list):
        return {name for one in part for name in _given(one, names)}
    if not isinstance(part, dict):
        return set()
    found = {name for value in part.values() for name in _given(value, names)}
    if "varno" in part:
        found.add(names[part["varno"]])
    for key in ("target", "var"):
        said: Statement = (
            next(iter(part.get(key, {}).values()), {}) if isinstance(part.get(key), dict) else {}
        )
        found |= {one["name"] for one in said.get("fields", ())} | {said.get("refname", "")}
    return found | {_FOUND}
