"""Read what can be rewritten, with its place in the files of the schema."""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg

from pgassay.plpgsql.model import Function, Policy
from pgassay.plpgsql.sources import NO_SOURCES, Sources

_FUNCTIONS: LiteralString = """
    select p.oid::pg_catalog.regprocedure::text, p.proname, pg_catalog.pg_get_functiondef(p.oid), p.prosrc
    from pg_catalog.pg_proc as p
    inner join pg_catalog.pg_language as l on p.prolang = l.oid
    where l.lanname = 'plpgsql' and pg_catalog.pg_get_userbyid(p.proowner) = current_user
    order by 1
"""
_POLICIES: LiteralString = """
    select
        c.oid::pg_catalog.regclass::text, c.relname, p.polname, pg_catalog.quote_ident(p.polname),
        pg_catalog.pg_get_expr(p.polqual, p.polrelid), pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)
    from pg_catalog.pg_policy as p
    inner join pg_catalog.pg_class as c on p.polrelid = c.oid
    where pg_catalog.pg_has_role(c.relowner, 'usage')
    order by 1, 3
"""


def read_functions(
    connection: psycopg.Connection[Any], *, sources: Sources = NO_SOURCES
) -> tuple[Function, ...]:
    """The PL/pgSQL functions that the connection's role owns."""
    return tuple(
        Function(
            signature=signature, definition=definition, body=body, place=sources.bodies.get((name, body))
        )
        for signature, name, definition, body in read(connection, _FUNCTIONS)
    )


def read_policies(
    connection: psycopg.Connection[Any], *, sources: Sources = NO_SOURCES
) -> tuple[Policy, ...]:
    """The policies on tables that the connection's role may alter."""
    return tuple(
        Policy(
            table=table,
            name=name,
            quoted=quoted,
            clauses=tuple(
                (clause, text) for clause, text in (("using", using), ("with check", check)) if text
            ),
            place=sources.policies.get((relation, name)),
        )
        for table, relation, name, quoted, using, check in read(connection, _POLICIES)
    )


def read(connection: psycopg.Connection[Any], query: LiteralString) -> list[Any]:
    """The rows of a query of the catalog, with every name in full."""
    with connection.transaction(force_rollback=True):
        connection.execute("set local search_path = ''")
        return connection.execute(query).fetchall()
