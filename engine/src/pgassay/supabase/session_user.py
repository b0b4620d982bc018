"""Requests log in as authenticator; the owner's connection, which acts as personas, cannot.

What asks for `session_user` gets that answer in its text, for one transaction: policies, functions and views
of the owner.
"""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
from pglast import parser

from pgassay.supabase.identity import AUTHENTICATOR

# Each with its text and what makes it anew of another; 16384 is FirstNormalObjectId.
_ASKING: LiteralString = r"""
    with mine as (select oid from pg_catalog.pg_roles where rolname = current_user)
    select
        pg_catalog.pg_get_viewdef(c.oid),
        pg_catalog.format('create or replace view %s as ', c.oid::regclass),
        ''
    from pg_catalog.pg_class c
    where c.relkind = 'v' and c.oid >= 16384 and c.relowner in (select oid from mine)
        and pg_catalog.pg_get_viewdef(c.oid) ~* '\msession_user\M'
    union all
    select pg_catalog.pg_get_functiondef(p.oid), '', ''
    from pg_catalog.pg_proc p
    where p.oid >= 16384 and p.proowner in (select oid from mine) and p.prokind in ('f', 'p')
        and (p.prosrc ~* '\msession_user\M' or p.prosqlbody::text like '%SQLVALUEFUNCTION%')
    union all
    select
        pg_catalog.pg_get_expr(part.expression, p.polrelid),
        pg_catalog.format('alter policy %I on %s %s (', p.polname, p.polrelid::regclass, part.clause),
        ')'
    from pg_catalog.pg_policy p
    cross join lateral (values (p.polqual, 'using'), (p.polwithcheck, 'with check'))
        as part (expression, clause)
    where pg_catalog.pg_get_expr(part.expression, p.polrelid) ~* '\msession_user\M'
"""


def pretend_login(connection: psycopg.Connection[Any]) -> tuple[str, ...]:
    """Statements, for the owner, after which authenticator has logged in for requests; none as a rule."""
    rows = connection.execute(_ASKING).fetchall()
    return tuple(f"{before}{answer(text)}{after}" for text, before, after in rows)


def answer(text: str) -> str:
    """SQL or PL/pgSQL with authenticator's name for each `session_user`, in bodies of functions too."""
    parts: list[str] = []
    end = 0
    for token in parser.scan(text):
        found = text[token.start : token.end + 1]
        if token.name == "SESSION_USER":
            found = f"'{AUTHENTICATOR}'::name"
        elif token.name == "SCONST" and found.startswith("$"):
            quote = found[: found.index("$", 1) + 1]
            found = f"{quote}{answer(found[len(quote) : -len(quote)])}{quote}"
        else:
            continue
        parts += [text[end : token.start], found]
        end = token.end + 1
    return "".join([*parts, text[end:]])
