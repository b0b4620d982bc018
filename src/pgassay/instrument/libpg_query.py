"""What PostgreSQL's own PL/pgSQL parser, as libpg_query carries it, says about a function. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pglast import parser

from pgassay.instrument.tokens import UnplacedError

_PREFIX = "PLpgSQL_stmt_"
_SAME = {
    **dict.fromkeys(("fori", "fors", "forc", "dynfors", "foreach_a"), "for"),
    **dict.fromkeys(("return_next", "return_query"), "return"),
}

Line = tuple[str, int]
"""The kind of a statement and its line, from 1."""


def list_statements(definition: str) -> list[Line]:
    """All statements of a `create function`, outermost block first, each before those inside it.

    Raises UnplacedError when libpg_query refuses the function. It knows no table, so that it refuses an
    assignment to a field of a variable of a table's type.
    """
    try:
        document = json.loads(parser.parse_plpgsql_json(definition))
    except parser.ParseError as error:
        raise UnplacedError(f"libpg_query says: {error.args[0]}") from error
    return list(_walk(document))


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
