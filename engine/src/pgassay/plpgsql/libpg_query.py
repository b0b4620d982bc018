"""What PostgreSQL's own PL/pgSQL parser, as libpg_query carries it, says about a function. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from pglast import parser

from pgassay.catalog.model import Function
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
    try:
        document = json.loads(parser.parse_plpgsql_json(_simplify(function)))
    except parser.ParseError as error:
        raise UnplacedError(f"libpg_query says: {error.args[0]}") from error
    return list(_walk(document))


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
