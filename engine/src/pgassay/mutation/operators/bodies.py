"""What the operators on functions share: bodies with a change in them, and small functions for examples."""

from __future__ import annotations

from collections.abc import Iterator

from pglast import parser

from pgassay.catalog.model import Function
from pgassay.mutation.bodies import Piece, find_pieces
from pgassay.mutation.operators.base import Edit, Find
from pgassay.plpgsql.grammar import BodyStatement, parse_body
from pgassay.plpgsql.rewriting import replace_body
from pgassay.plpgsql.tokens import UnplacedError


def plpgsql(body: str, *, options: str = "") -> str:
    """A function `f`."""
    return f"create function public.f(a int) returns int language plpgsql {options} as $$ {body} $$;"


def sql(body: str) -> str:
    """The same in SQL."""
    return f"create function public.f(a int) returns int language sql as $$ {body} $$;"


def mutant(body: str, *, language: str = "plpgsql") -> str:
    """What an operator makes of `f`."""
    end = " " if language == "plpgsql" else ""  # a query takes the blanks around it along
    return (
        "CREATE OR REPLACE FUNCTION public.f(a integer)\n RETURNS integer\n"
        f" LANGUAGE {language}\nAS $pgassay$ {body}{end}$pgassay$"
    )


def edit_body(function: Function, what: str, body: str, *, at: int) -> Edit:
    """The function with another body, which changed at this offset of the one that it had."""
    line = function.body.count("\n", 0, at) + 1
    return Edit(what, (replace_body(function.definition, body),), line, body)


def rewrite_body(function: Function, *finds: Find, whole: bool = False) -> Iterator[Edit]:
    """A part of the body says something else; `whole`: a condition as such, too."""
    for piece in _pieces(function):
        tree = piece.parse()
        for rewrite in (r for find in finds for r in find(tree, *(piece.top(tree) if whole else ()))):
            body = piece.replace(function.body, rewrite.render(tree))
            yield edit_body(function, f"says: {rewrite.change}", body, at=piece.start)


def _pieces(function: Function) -> list[Piece]:
    try:
        return find_pieces(function.body, function.language)
    except (UnplacedError, parser.ParseError):
        return []


def list_statements(function: Function) -> list[BodyStatement]:
    """All statements of a PL/pgSQL function but its outermost block; none of others."""
    return [one for block in parse_block(function) for one in block.walk()][1:]


def parse_block(function: Function) -> tuple[BodyStatement, ...]:
    """The outermost block of a PL/pgSQL function; nothing of others, and of what does not read as one."""
    try:
        return (parse_body(function.body),) if function.language == "plpgsql" else ()
    except UnplacedError:
        return ()
