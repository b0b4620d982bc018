"""What a path of jsonpath asks of a document, as a condition of SQL that makes it true. Pure.

A condition here is enough for the path, and not the same: `[*]` stands for the first element, which of all
that may be is the simplest. PostgreSQL judges what comes of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pglast import ast
from pglast.enums import BoolExprType, NullTestType

from pgassay.solver.scope import Node, constant
from pgassay.solver.syntax import call, junction, operation

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<word>[^\W\d]\w*)"""
    r"""|(?P<variable>\$(?:[^\W\d]\w*|"(?:[^"\\]|\\.)*"))"""
    r"""|(?P<sign>==|!=|<>|<=|>=|&&|\|\||\*\*|[-+*/%<>!$@.?()\[\],{}]))"""
)
_COMPARED = {"==": "=", "!=": "<>", "<>": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_ORDERED = ("<", "<=", ">", ">=")
_SAME = ("double", "number", "decimal", "integer", "bigint", "string", "boolean", "datetime", "date")
_METHODS = {"type": ("jsonb_typeof", "text"), "size": ("jsonb_array_length", "integer")}
_ANY_KEY = "any"
_WORDS = {"true": True, "false": False, "null": None}


OPERATORS = ("@?", "@@")
"""Those with a path at their right."""


class UnreadableError(Exception):
    """A path with something that no rule knows."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A value on a path: its node, of type jsonb, and what has to hold on the way; or a predicate's truth.

    `literal`: it is written in the path, as `value`. `type`: that of the node, which a method may change.
    """

    node: Node
    type: str = "jsonb"
    conditions: tuple[Node, ...] = ()
    predicate: bool = False
    literal: bool = False
    value: object = None

    @property
    def truth(self) -> Node:
        """That the predicate is true, or that there is such a value."""
        there = self.node if self.predicate else ast.NullTest(arg=self.node, nulltesttype=_IS_NOT_NULL)
        return junction(BoolExprType.AND_EXPR, *self.conditions, there)

    @property
    def way(self) -> Node:
        """That there is a way to it."""
        return junction(BoolExprType.AND_EXPR, *self.conditions)


_IS_NOT_NULL = NullTestType.IS_NOT_NULL


def read_path(text: str, document: Node, variables: Node | None = None) -> Found:
    """What `text` finds in a document; `variables` are those that it names. Raises UnreadableError."""
    return _Reader(_tokens(text), document, variables).read()


def _tokens(text: str) -> list[tuple[str, str]]:
    found, place = [], 0
    while place < len(text.rstrip()):
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise UnreadableError(text)
        found.append((match.lastgroup, match[match.lastgroup]))
        place = match.end()
    return found


class _Reader:
    """By recursive descent; `@` stands for the value that a filter is about."""

    def __init__(self, tokens: Sequence[tuple[str, str]], document: Node, variables: Node | None) -> None:
        self._tokens = [*tokens, ("end", "")]
        self._next = 0
        self._document = document
        self._variables = variables
        self._current = [document]

    def read(self) -> Found:
        if self._tokens[0] in (("word", "lax"), ("word", "strict")):
            self._next += 1
        found = self._either()
        if self._tokens[self._next][0] != "end":
            raise UnreadableError(self._tokens[self._next][1])
        return found

    def _take(self, *signs: str) -> str:
        """The next token where it is one of these, else nothing."""
        kind, text = self._tokens[self._next]
        if kind in ("sign", "word") and text in signs:
            self._next += 1
            return text
        return ""

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise UnreadableError(self._tokens[self._next][1])

    def _either(self) -> Found:
        found = self._both()
        while self._take("||"):
            found = _joined(BoolExprType.OR_EXPR, found, self._both())
        return found

    def _both(self) -> Found:
        found = self._one()
        while self._take("&&"):
            found = _joined(BoolExprType.AND_EXPR, found, self._one())
        return found

    def _one(self) -> Found:
        if self._take("!"):
            return _predicate(_without(self._one().truth))
        if self._take("exists"):
            self._expect("(")
            inner = self._either()
            self._expect(")")
            return _predicate(inner.truth)
        left = self._operand()
        if left.predicate:
            return left
        if sign := self._take(*_COMPARED):
            return _compared(left, _COMPARED[sign], self._operand())
        if self._take("like_regex"):
            pattern = self._text()
            flags = self._text() if self._take("flag") else ""
            return _matched(left, "~*" if "i" in flags else "~", pattern)
        if self._take("starts"):
            self._expect("with")
            return _matched(left, "^@", self._text())
        return left

    def _text(self) -> str:
        kind, text = self._tokens[self._next]
        if kind != "text":
            raise UnreadableError(text)
        self._next += 1
        return str(json.loads(text))

    def _operand(self) -> Found:
        kind, text = self._tokens[self._next]
        self._next += 1
        if (kind, text) == ("sign", "("):
            found = self._either()
            self._expect(")")
            return found if found.predicate else self._steps(found)
        if (kind, text) == ("sign", "-"):
            kind, text = "number", f"-{self._tokens[self._next][1]}"
            self._next += 1
        if kind in ("text", "number") or text in _WORDS:
            value = _WORDS[text] if text in _WORDS else json.loads(text)
            return Found(node=constant(json.dumps(value), "jsonb"), literal=True, value=value)
        if kind == "variable" and self._variables is not None:
            return self._steps(Found(node=_step(self._variables, _plain(text[1:]))))
        if text in ("$", "@"):
            return self._steps(Found(node=self._document if text == "$" else self._current[-1]))
        raise UnreadableError(text)

    def _steps(self, found: Found) -> Found:
        while sign := self._take(".", "[", "?"):
            if sign == "[":
                found = replace(found, node=self._element(found.node))
            elif sign == "?":
                found = self._filtered(found)
            else:
                found = self._key(found)
        return found

    def _element(self, node: Node) -> Node:
        """Where any will do, the first."""
        kind, text = self._tokens[self._next]
        self._next += 1
        self._expect("]")
        if text not in ("*", "last") and kind != "number":
            raise UnreadableError(text)
        return operation("->", node, ast.A_Const(isnull=False, val=ast.Integer(_number(text))))

    def _filtered(self, found: Found) -> Found:
        self._expect("(")
        self._current.append(found.node)
        inner = self._either()
        self._current.pop()
        self._expect(")")
        return replace(found, conditions=(*found.conditions, inner.truth))

    def _key(self, found: Found) -> Found:
        kind, text = self._tokens[self._next]
        self._next += 1
        if text == "**":  # its own level is one of them
            return found
        if kind == "word" and self._take("("):
            self._expect(")")
            return _method(text, found)
        if kind in ("text", "word") or text == "*":
            return replace(found, node=_step(found.node, _ANY_KEY if text == "*" else _plain(text)))
        raise UnreadableError(text)


def _without(node: Node) -> Node:
    """Its negation, which is true of what is not there."""
    untrue = ast.BoolExpr(boolop=BoolExprType.NOT_EXPR, args=(node,))
    return ast.CoalesceExpr(args=(untrue, ast.A_Const(isnull=False, val=ast.Boolean(boolval=True))))


def _predicate(node: Node) -> Found:
    return Found(node=node, predicate=True)


def _joined(operator: BoolExprType, left: Found, right: Found) -> Found:
    return _predicate(junction(operator, left.truth, right.truth))


def _compared(left: Found, sign: str, right: Found) -> Found:
    """As documents; what is ordered as what stands beside it, which documents would put in an order too."""
    one, other = left.node, right.node
    literal = right if right.literal else left
    type_ = next((side.type for side in (left, right) if side.type != "jsonb"), "")
    if not type_ and sign in _ORDERED and literal.literal and not isinstance(literal.value, bool | None):
        type_ = "text" if isinstance(literal.value, str) else "numeric"
    if type_:
        one, other = (_plainly(side, type_) for side in (left, right))
    holds = operation(sign, one, other)
    return _predicate(junction(BoolExprType.AND_EXPR, *left.conditions, *right.conditions, holds))


def _matched(found: Found, sign: str, text: str) -> Found:
    holds = operation(sign, _plainly(found, "text"), constant(text))
    return _predicate(junction(BoolExprType.AND_EXPR, *found.conditions, holds))


def _plainly(found: Found, type_: str) -> Node:
    """A document as the value that it holds."""
    if found.literal:
        return constant(str(found.value), type_)
    if found.type == type_:
        return found.node
    match found.node:
        case ast.A_Expr(name=(ast.String(sval="->"),), lexpr=left, rexpr=right) if type_ == "text":
            return operation("->>", left, right)
    if type_ == "text":
        return operation("#>>", found.node, constant("{}"))
    return ast.TypeCast(arg=found.node, typeName=_NUMERIC)


_NUMERIC = ast.TypeName(names=(ast.String("pg_catalog"), ast.String("numeric")), typemod=-1)


def _step(node: Node, key: str) -> Node:
    return operation("->", node, ast.A_Const(isnull=False, val=ast.String(key)))


def _method(name: str, found: Found) -> Found:
    if name in _SAME:
        return found
    if name not in _METHODS:
        raise UnreadableError(name)
    function, type_ = _METHODS[name]
    return replace(found, node=call(function, found.node), type=type_)


def _plain(text: str) -> str:
    return str(json.loads(text)) if text.startswith('"') else text


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0
