"""Read the functions that can be rewritten, and find them in the files of the schema."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, LiteralString

import psycopg
from pglast import ast, parser

from pgassay.database.script import Script, parse_script
from pgassay.errors import Place
from pgassay.instrument.model import Function

_FUNCTIONS: LiteralString = """
    select p.oid::pg_catalog.regprocedure::text, p.proname, pg_catalog.pg_get_functiondef(p.oid), p.prosrc
    from pg_catalog.pg_proc as p
    inner join pg_catalog.pg_language as l on p.prolang = l.oid
    where l.lanname = 'plpgsql' and pg_catalog.pg_get_userbyid(p.proowner) = current_user
    order by 1
"""


def read_functions(
    connection: psycopg.Connection[Any], *, scripts: Sequence[Script] = ()
) -> tuple[Function, ...]:
    """The PL/pgSQL functions that the connection's role owns, with their places in `scripts` if they are there."""
    with connection.transaction(force_rollback=True):
        connection.execute("set local search_path = ''")  # so that every name is written with its schema
        rows = connection.execute(_FUNCTIONS).fetchall()
    places = _find_bodies(scripts)
    return tuple(
        Function(signature=signature, definition=definition, body=body, place=places.get((name, body)))
        for signature, name, definition, body in rows
    )


def _find_bodies(scripts: Sequence[Script]) -> dict[tuple[str, str], Place | None]:
    """Where the bodies of functions begin, by name and text; None for those that are there twice."""
    places: dict[tuple[str, str], Place | None] = {}
    for script in scripts:
        for key, place in _bodies(script):
            places[key] = None if key in places else place
    return places


def _bodies(script: Script) -> Iterator[tuple[tuple[str, str], Place]]:
    for statement in parse_script(script):
        node = _parse(statement.text)
        for option in (node.options or ()) if isinstance(node, ast.CreateFunctionStmt) else ():
            if option.defname == "as":
                start = _literal_after(statement.text, option.location)
                yield (node.funcname[-1].sval, option.arg[0].sval), script.place(statement.offset + start)


def _parse(text: str) -> Any:  # noqa: ANN401 - pglast has no types
    try:
        return parser.parse_sql(text)[0].stmt
    except parser.ParseError:  # the server's to judge; the place stays unknown
        return None


def _literal_after(text: str, offset: int) -> int:
    return min(found.start for found in parser.scan(text) if found.start > offset and found.name == "SCONST")
