"""Put probes into PL/pgSQL functions without changing what they do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise, zip_longest
from typing import Any

import psycopg
from pglast import parser

from pgassay.catalog.model import Function
from pgassay.catalog.read import Catalog, read_catalog
from pgassay.errors import Place
from pgassay.plpgsql.grammar import Arm, BodyStatement, parse_body
from pgassay.plpgsql.model import Branch, InstrumentError, Point
from pgassay.plpgsql.tokens import Token, UnplacedError, read_tokens

_PREFIX = "PLpgSQL_stmt_"
_SAME = {
    **dict.fromkeys(("fori", "fors", "forc", "dynfors", "foreach_a"), "for"),
    **dict.fromkeys(("return_next", "return_query"), "return"),
}

Line = tuple[str, int]
"""The kind of a statement and its line, from 1."""


def list_statements(function: Function) -> list[Line]:
    """All statements of a function, outermost block first, each before those inside it.

    Raises UnplacedError when libpg_query refuses the function, as it knows only built-in types.
    """
    return list(_walk(parse_function(function)))


def parse_function(function: Function) -> Any:  # noqa: ANN401 - JSON
    """What libpg_query's parser makes of a function. Raises UnplacedError when it refuses the function."""
    try:
        return json.loads(parser.parse_plpgsql_json(_simplify(function)))
    except parser.ParseError as error:
        raise UnplacedError(f"libpg_query says: {error.args[0]}") from error


def replace_body(definition: str, body: str) -> str:
    """The definition with another body; pg_get_functiondef writes it last."""
    literal = parser.scan(definition)[-1]
    quote = "$pgassay$"
    while quote in body:
        quote = f"{quote[:-1]}_$"
    return f"{definition[: literal.start]}{quote}{body}{quote}"


def _simplify(function: Function) -> str:
    """The definition without what libpg_query stumbles over, every line kept: VARIADIC and %ROWTYPE."""
    tokens = read_tokens(function.body)
    pairs = [pair for pair in pairwise(tokens) if (pair[0].word, pair[1].word) == ("%", "rowtype")]
    body = _blank(function.body, [token for pair in pairs for token in pair])
    definition = replace_body(function.definition, body)
    return _blank(definition, [token for token in read_tokens(definition) if token.word == "variadic"])


def _blank(text: str, tokens: Iterable[Token]) -> str:
    for token in tokens:
        text = text[: token.start] + " " * (token.end - token.start) + text[token.end :]
    return text


def _walk(node: Any) -> Iterator[Line]:  # noqa: ANN401 - JSON
    if isinstance(node, list):
        for item in node:
            yield from _walk(item)
    if isinstance(node, dict):
        for name, value in node.items():
            # What has no line is PostgreSQL's own: the RETURN at the end, a block around a labelled one.
            if name.startswith(_PREFIX) and "lineno" in value:
                kind = name.removeprefix(_PREFIX)
                yield _SAME.get(kind, kind), value["lineno"]
            yield from _walk(value)


PointProbe = Callable[[Point], str]
BranchProbe = Callable[[Branch], str]


def read_functions(connection: psycopg.Connection[Any]) -> list[Function]:
    """The PL/pgSQL functions that the connection's role owns."""
    return own_functions(read_catalog(connection, Function))


def own_functions(catalog: Catalog) -> list[Function]:
    """The PL/pgSQL functions of who read the catalog."""
    own = (f for f in catalog.of(Function) if (f.language, f.owner) == ("plpgsql", catalog.user))
    return sorted(own, key=lambda function: function.function)


def find_points(function: Function, *, place: Place | None = None) -> tuple[Point, ...]:
    """The statements of a function, whose body begins at `place`.

    Raises InstrumentError when they cannot be placed.
    """
    return tuple(_Rewriting(function, _nothing, _nothing, place).points)


def find_branches(function: Function, *, place: Place | None = None) -> tuple[Branch, ...]:
    """The branches of a function. Raises InstrumentError as `find_points` does."""
    return tuple(_Rewriting(function, _nothing, _nothing, place).branches)


def rewrite(function: Function, probe: PointProbe, *, branch_probe: BranchProbe | None = None) -> str:
    """The `create or replace` of a function that evaluates a probe before each statement, or in each branch.

    A probe is a boolean SQL expression without subquery, "" for none. In an IF it is a simple expression,
    which sets neither FOUND nor ROW_COUNT, as PERFORM would. No line is added, so that errors keep theirs.
    Raises InstrumentError as `find_points` does.
    """
    rewriting = _Rewriting(function, probe, branch_probe or _nothing)
    return replace_body(function.definition, rewriting.text())


def _nothing(_: Point | Branch) -> str:
    return ""


class _Rewriting:
    """One walk through a body in the order of its text: what there is, and what is inserted where."""

    def __init__(
        self, function: Function, probe: PointProbe, branch_probe: BranchProbe, place: Place | None = None
    ) -> None:
        self._function = function
        self._place = place
        self._probe = probe
        self._branch_probe = branch_probe
        self._inserts: list[tuple[int, str]] = []
        self.points: list[Point] = []
        self.branches: list[Branch] = []
        for arm in _parse(function).arms:
            self._visit_arm(arm)

    def text(self) -> str:
        """The body with everything inserted."""
        parts, at = [], 0
        for offset, inserted in self._inserts:
            parts += [self._function.body[at:offset], inserted]
            at = offset
        return "".join([*parts, self._function.body[at:]])

    def _visit(self, statement: BodyStatement) -> None:
        self._insert(statement.start, _evaluate(self._point(statement)))
        if statement.may_miss:
            return self._visit_loop(statement)
        for arm in statement.arms:
            self._visit_arm(arm)
        if statement.kind == "if" and statement.arms[-1].kind != "else":
            missing = _evaluate(self._branch("no else", statement.keyword, statement.arms[0].start))
            self._insert(statement.arms[-1].end, missing and f"else{missing}")
        return None

    def _visit_loop(self, statement: BodyStatement) -> None:
        """A loop whose body may never run: a variable of a block around it remembers whether it did."""
        body = statement.arms[0]
        missed = _evaluate(self._branch("no turn", body.keyword, body.start))
        turned = f"pgassay_turned_{len(self.points)}"
        self._insert(statement.start, missed and f" declare {turned} boolean := false; begin ")
        self._insert(body.start, missed and f" {turned} := true; ")
        self._visit_arm(body)
        self._insert(statement.end, missed and f" if not {turned} then{missed}end if; end; ")

    def _visit_arm(self, arm: Arm) -> None:
        if arm.kind != "block":
            self._insert(arm.start, _evaluate(self._branch(arm.kind, arm.keyword, arm.start)))
        for statement in arm.statements:
            self._visit(statement)

    def _point(self, statement: BodyStatement) -> str:
        head = statement.arms[0].start if statement.arms else statement.end
        facts = self._facts(statement.keyword, head)
        self.points.append(Point(k=len(self.points) + 1, kind=statement.kind, **facts))
        return self._probe(self.points[-1])

    def _branch(self, kind: str, start: int, end: int) -> str:
        self.branches.append(Branch(k=len(self.branches) + 1, kind=kind, **self._facts(start, end)))
        return self._branch_probe(self.branches[-1])

    def _facts(self, start: int, end: int) -> dict[str, Any]:
        """Where something begins, and its text from there as far as one line goes."""
        function, first = self._function, self._place
        line = _line(function.body, start)
        return {
            "function": function.function,
            "line": line,
            "place": first and Place(file=first.file, line=first.line + line - 1),
            "text": function.body[start:end].partition("\n")[0].strip(),
        }

    def _insert(self, offset: int, text: str) -> None:
        if text:
            self._inserts.append((offset, text))


def _evaluate(expression: str) -> str:
    # In brackets: PL/pgSQL's IF ends at the first THEN outside them, even that of a CASE.
    return expression and f" if ({expression}) then null; end if; "


def _parse(function: Function) -> BodyStatement:
    """The outermost block, as both parsers see it."""
    try:
        block = parse_body(function.body)
        ours = ((one.kind, _line(function.body, one.keyword)) for one in block.walk())
        _compare(ours, list_statements(function))
    except UnplacedError as error:
        raise InstrumentError(function.function, why=f"Read as PL/pgSQL, {error}.") from error
    return block


def _compare(ours: Iterator[Line], theirs: list[Line]) -> None:
    for own, their in zip_longest(ours, theirs):
        if own != their:
            raise UnplacedError(f"its tokens have {_tell(own)} where libpg_query has {_tell(their)}")


def _tell(line: Line | None) -> str:
    return f"{line[0]} in line {line[1]}" if line else "nothing"


def _line(body: str, offset: int) -> int:
    return body.count("\n", 0, offset) + 1
