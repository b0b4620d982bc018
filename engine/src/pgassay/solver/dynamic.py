"""EXECUTE in PL/pgSQL: the query whose text an expression puts together. Pure.

Text is put together with || or format(); what %L and quote_literal() would quote becomes a parameter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from pglast import ast, parser

from pgassay.catalog.names import quoted
from pgassay.solver import constants
from pgassay.solver.scope import Node, Term, UnknownNameError, names_of, resolve

_FIRST = 1_000  # the numbers below are those of USING
_DIRECTIVE = re.compile(r"%(?:(?P<position>\d+)\$)?(?P<kind>[sIL%])")  # of format(), without a width
_LITERALS = ("quote_literal", "quote_nullable")


class UnknownTextError(Exception):
    """A text that follows from what only the server knows, or that is no query."""


def read_query(text: Term, using: Sequence[Node]) -> Term:
    """The query that EXECUTE runs, where it sees parameters only. Raises UnknownTextError."""
    assembly = _Assembly({f"${number}": text.at(node) for number, node in enumerate(using, start=1)})
    written = "".join(assembly.parts(text))
    try:
        [raw] = parser.parse_sql(written)
    except (parser.ParseError, ValueError):
        raise UnknownTextError from None
    query: Node = raw.stmt
    if not isinstance(query, ast.SelectStmt):
        raise UnknownTextError
    return Term(query, replace(text.scope, rows={}, variables=assembly.values, parent=None))


@dataclass(frozen=True)
class _Assembly:
    """The parts of a text, and what its parameters stand for."""

    values: dict[str, Term] = field(default_factory=dict)

    def parts(self, text: Term) -> Iterator[str]:
        text = _untyped(text)
        match text.node:
            case ast.A_Expr(name=(ast.String(sval="||"),), lexpr=left, rexpr=right):
                yield from self.parts(text.at(left))
                yield from self.parts(text.at(right))
            case ast.FuncCall(funcname=tuple(name), args=tuple(arguments)):
                yield from self._called(names_of(name)[1], [text.at(one) for one in arguments])
            case _:
                yield _known(text)

    def _called(self, function: str, arguments: Sequence[Term]) -> Iterator[str]:
        if function == "format":
            yield from self._formatted(_known(arguments[0]), arguments)
        elif function in _LITERALS:
            yield self._parameter(arguments[0])
        elif function == "quote_ident":
            yield quoted(_known(arguments[0]))
        else:
            raise UnknownTextError

    def _formatted(self, pattern: str, arguments: Sequence[Term]) -> Iterator[str]:
        end, position = 0, 0
        for found in _DIRECTIVE.finditer(pattern):
            yield _plain(pattern[end : found.start()])
            end, kind = found.end(), found["kind"]
            if kind == "%":
                yield "%"
                continue
            position = int(found["position"] or position + 1)
            if position >= len(arguments):
                raise UnknownTextError
            argument = arguments[position]
            if kind == "L":
                yield self._parameter(argument)
            else:
                yield quoted(_known(argument)) if kind == "I" else _known(argument)
        yield _plain(pattern[end:])

    def _parameter(self, argument: Term) -> str:
        name = f"${_FIRST + len(self.values)}"
        self.values[name] = _untyped(argument)
        return name


def _plain(text: str) -> str:
    if "%" in text:
        raise UnknownTextError
    return text


def _known(text: Term) -> str:
    """The text that an expression gives whatever the rows are. Raises UnknownTextError."""
    found = _followed(text)
    node = found.node
    if isinstance(node, ast.TypeCast) and isinstance(node.arg, ast.ColumnRef | ast.ParamRef | ast.TypeCast):
        return _known(found.at(node.arg))
    if isinstance(node, ast.TypeCast):
        node = node.arg  # a literal of text, name or regclass
    answer = constants.read(node)
    if answer is None or answer.value is None:
        raise UnknownTextError
    return answer.value


def _untyped(argument: Term) -> Term:
    """Without a cast to text: the literal that is made of it takes the type of what it is compared with."""
    found = _followed(argument)
    match found.node:
        case ast.TypeCast(arg=inner, typeName=ast.TypeName(names=(*_, ast.String(sval="text")))):
            return _untyped(found.at(inner))
    return found


def _followed(text: Term) -> Term:
    """What a variable or parameter stands for."""
    while isinstance(text.node, ast.ColumnRef | ast.ParamRef):
        try:
            found = resolve(text.node, text.scope, lambda _: {})
        except UnknownNameError:
            raise UnknownTextError from None
        if not isinstance(found, Term):
            break
        text = found
    return text
