"""The bodies of functions as pieces that pglast can parse: expressions, conditions and queries. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pglast import parser

from pgassay.mutation.trees import Node, Slot, expression_slot, read
from pgassay.plpgsql.grammar import Arm, BodyStatement, parse_body
from pgassay.plpgsql.tokens import Token, read_tokens

_QUERIES = ("select", "insert", "update", "delete", "merge", "with", "values")
_SELECT = "select "


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A part of a body, from `start` to before `end`, as SQL that stands alone, behind `prefix`.

    `is_condition`: it is true or false. `into`: the variables of a query, whose INTO is not in `text`.
    """

    start: int
    end: int
    text: str
    prefix: str = ""
    is_condition: bool = False
    into: str = ""

    def parse(self) -> Node:
        """Raises pglast.parser.ParseError for what is not SQL after all."""
        return read(self.prefix + self.text)

    def top(self, tree: Node) -> tuple[Slot, ...]:
        """Where the condition is in the parsed tree; nothing where there is none."""
        return (expression_slot(tree),) if self.is_condition else ()

    def replace(self, body: str, sql: str) -> str:
        """The body with the statement `sql` in the place of this piece."""
        new = sql[len(_SELECT) :] if self.prefix else sql
        into = f" into {self.into}" if self.into else ""
        # On a line of its own length, so that what follows keeps its own.
        lines = "\n" * body.count("\n", self.start, self.end)
        return f"{body[: self.start]}{new}{into}{lines}{body[self.end :]}"


def find_pieces(body: str, language: str) -> list[Piece]:
    """The pieces of a body in PL/pgSQL or SQL; none in other languages.

    Raises UnplacedError or pglast.parser.ParseError when the body does not read as one.
    """
    if language == "sql":
        return list(_queries(body))
    if language == "plpgsql":
        return [piece for one in parse_body(body).walk() for piece in pieces_of(body, one)]
    return []


def pieces_of(body: str, statement: BodyStatement) -> list[Piece]:
    """Those of a statement of PL/pgSQL itself, without those of the statements in it."""
    return [piece for piece in _pieces(body, statement) if _parses(piece)]


def _parses(piece: Piece) -> bool:
    try:
        piece.parse()
    except (parser.ParseError, ValueError):
        return False
    return True


def _queries(body: str) -> Iterator[Piece]:
    for raw in parser.parse_sql(body):
        start = raw.stmt_location or 0
        end = start + raw.stmt_len if raw.stmt_len else len(body)
        yield Piece(start=start, end=end, text=body[start:end])


def _pieces(body: str, statement: BodyStatement) -> Iterator[Piece]:
    match statement.kind:
        case "block":
            yield from _declarations(body, statement)
        case "if" | "while":
            yield from (_condition(body, arm) for arm in statement.arms if arm.kind != "else")
        case "case":
            yield from _cases(body, statement)
        case "for":
            yield from _loop(body, statement)
        case "assign":
            yield from _assigned(body, _tokens(body, statement.start, statement.end))
        case "return":
            yield from _returned(body, statement)
        case "perform":
            yield _piece(body, _tokens(body, statement.keyword, statement.end)[1:-1], prefix=_SELECT)
        case "raise":
            yield from _raised(body, _tokens(body, statement.keyword, statement.end)[1:-1])
        case "execsql":
            yield from _query(body, _tokens(body, statement.start, statement.end)[:-1])


def _tokens(body: str, start: int, end: int) -> list[Token]:
    found = read_tokens(body[start:end])
    return [Token(word=token.word, start=token.start + start, end=token.end + start) for token in found]


def _piece(body: str, tokens: list[Token], *, prefix: str = "", is_condition: bool = False) -> Piece:
    start, end = tokens[0].start, tokens[-1].end
    return Piece(start=start, end=end, text=body[start:end], prefix=prefix, is_condition=is_condition)


def _expression(body: str, tokens: list[Token]) -> Iterator[Piece]:
    if tokens:
        yield _piece(body, tokens, prefix=_SELECT)


def _condition(body: str, arm: Arm) -> Piece:
    """What is between IF, ELSIF or WHILE and the THEN or LOOP."""
    return _piece(body, _tokens(body, arm.keyword, arm.start)[1:-1], prefix=_SELECT, is_condition=True)


def _cases(body: str, statement: BodyStatement) -> Iterator[Piece]:
    arms = [arm for arm in statement.arms if arm.kind == "when"]
    searched = _tokens(body, statement.keyword, arms[0].keyword)[1:]
    yield from _expression(body, searched)
    if not searched:
        yield from (_condition(body, arm) for arm in arms)


def _loop(body: str, statement: BodyStatement) -> Iterator[Piece]:
    """The query of FOR … IN query LOOP."""
    tokens = _tokens(body, statement.keyword, statement.arms[0].start)[:-1]
    words = [token.word for token in tokens]
    if "in" in words:
        query = tokens[words.index("in") + 1 :]
        if query and query[0].word in _QUERIES:
            yield _piece(body, query)


def _assigned(body: str, tokens: list[Token]) -> Iterator[Piece]:
    sign = next((n for n, token in enumerate(tokens) if token.word in (":=", "=")), None)
    if sign is not None:
        yield from _expression(body, tokens[sign + 1 : -1])


def _declarations(body: str, block: BodyStatement) -> Iterator[Piece]:
    """What declared variables begin with."""
    for tokens in _split(_tokens(body, block.start, block.keyword), ";"):
        sign = next((n for n, token in enumerate(tokens) if token.word in (":=", "=", "default")), None)
        if sign is not None:
            yield from _expression(body, tokens[sign + 1 :])


def _returned(body: str, statement: BodyStatement) -> Iterator[Piece]:
    tokens = _tokens(body, statement.keyword, statement.end)[1:-1]
    match [token.word for token in tokens[:2]]:
        case ["query", word] if word in _QUERIES:
            yield _piece(body, tokens[1:])
        case ["query", *_]:
            return
        case ["next", *_]:
            yield from _expression(body, tokens[1:])
        case _:
            yield from _expression(body, tokens)


def _raised(body: str, tokens: list[Token]) -> Iterator[Piece]:
    """The options of RAISE … USING."""
    words = [token.word for token in tokens]
    if "using" in words:
        for option in _split(tokens[words.index("using") + 1 :], ","):
            yield from _expression(body, option[2:])


def _query(body: str, tokens: list[Token]) -> Iterator[Piece]:
    """A statement of SQL; the INTO of its variables, which SQL does not know, is put at its end again."""
    if tokens[0].word not in _QUERIES:
        return
    at = _find_into(tokens)
    if at is None:
        yield _piece(body, tokens)
        return
    first, behind = _skip_target(tokens, at + 1)
    start, end = tokens[0].start, tokens[-1].end
    rest = body[tokens[behind].start : end] if behind < len(tokens) else ""
    yield Piece(
        start=start,
        end=end,
        text=f"{body[start : tokens[at].start]} {rest}",
        into=body[tokens[first].start : tokens[behind - 1].end],
    )


def _find_into(tokens: list[Token]) -> int | None:
    """The INTO that is not one of INSERT or MERGE."""
    depth = 0
    for number, token in enumerate(tokens):
        depth += (token.word in ("(", "[")) - (token.word in (")", "]"))
        if token.word == "into" and not depth and tokens[number - 1].word not in ("insert", "merge"):
            return number
    return None


def _skip_target(tokens: list[Token], at: int) -> tuple[int, int]:
    """Where the variables begin and end: names with dots between them, and commas between those."""
    first = at
    at += 1
    if tokens[first].word == "strict":
        at += 1
    while at < len(tokens) and tokens[at].word in (".", ","):
        at += 2
    return first, at


def _split(tokens: list[Token], separator: str) -> Iterator[list[Token]]:
    """The parts between separators outside brackets, without empty ones."""
    depth = 0
    part: list[Token] = []
    for token in tokens:
        depth += (token.word in ("(", "[")) - (token.word in (")", "]"))
        if token.word == separator and not depth:
            if part:
                yield part
            part = []
        else:
            part.append(token)
    if part:
        yield part
