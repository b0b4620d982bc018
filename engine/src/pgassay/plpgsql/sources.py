"""Where functions and policies stand in the files of a schema. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from pglast import ast, parser

from pgassay.database.script import Script, parse_script
from pgassay.errors import Place
from pgassay.plpgsql.grammar import parse_body
from pgassay.plpgsql.tokens import UnplacedError

Key = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Places by what they hold: bodies by a function's name and text, policies by table and name.

    Names are without schema. None stands for what is there more than once.
    """

    bodies: dict[Key, Place | None] = field(default_factory=dict)
    policies: dict[Key, Place | None] = field(default_factory=dict)


NO_SOURCES = Sources()


def find_sources(scripts: Iterable[Script]) -> Sources:
    """Where the scripts create functions and policies, the latter also within DO blocks."""
    found = Sources()
    for script in scripts:
        for statement in _statements(script):
            if isinstance(statement.node, ast.CreateFunctionStmt):
                for key, start in _bodies(statement):
                    _add(found.bodies, key, script.place(start))
            elif isinstance(statement.node, ast.CreatePolicyStmt):
                _add(found.policies, _policy(statement.node), script.place(statement.offset))
    return found


def _add(places: dict[Key, Place | None], key: Key, place: Place) -> None:
    places[key] = None if key in places else replace(place, column=0)


class _Parsed(NamedTuple):
    node: Any
    text: str
    offset: int


def _statements(script: Script) -> Iterator[_Parsed]:
    for statement in parse_script(script):
        parsed = _Parsed(_parse(statement.text), statement.text, statement.offset)
        yield parsed
        if isinstance(parsed.node, ast.DoStmt):
            yield from _inside(parsed)


def _parse(text: str) -> Any:  # noqa: ANN401 - pglast has no types
    try:
        return parser.parse_sql(text)[0].stmt
    except parser.ParseError:  # the server's to judge; the place stays unknown
        return None


def _bodies(function: _Parsed) -> Iterator[tuple[Key, int]]:
    """A function's name and text, and the offset of the text's literal; nothing for BEGIN ATOMIC."""
    for option in function.node.options or ():
        if option.defname == "as":
            literal = _literal(function, option.location)
            yield (function.node.funcname[-1].sval, option.arg[0].sval), function.offset + literal


def _policy(node: Any) -> Key:  # noqa: ANN401 - pglast's fields are all optional
    return node.table.relname, node.policy_name


def _literal(statement: _Parsed, offset: int) -> int:
    tokens = parser.scan(statement.text)
    return min(token.start for token in tokens if token.start >= offset and token.name == "SCONST")


def _inside(block: _Parsed) -> Iterator[_Parsed]:
    """The SQL statements of a DO block in dollar quotes; none where it does not read as PL/pgSQL."""
    literal = _literal(block, 0)
    start = block.text.index("$", literal + 1) + 1
    end = block.text.rindex("$", 0, block.text.rindex("$"))
    body = block.text[start:end]
    try:
        outermost = parse_body(body)
    except UnplacedError:
        return
    for statement in outermost.walk():
        if statement.kind == "execsql":
            text = body[statement.start : statement.end]
            yield _Parsed(_parse(text), text, block.offset + start + statement.start)
