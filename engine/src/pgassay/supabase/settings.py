"""What a project's configuration makes of the platform, as SQL for a superuser below the schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

from pgassay.supabase.identity import REMEMBER

_CLOSED = """
do $closed$
declare
    kind text;
begin
    foreach kind in array array['tables', 'functions', 'sequences'] loop
        execute format(
            'alter default privileges for role %I in schema public '
            'revoke all on %s from anon, authenticated, service_role', current_setting('pgassay.owner'), kind
        );
    end loop;
end
$closed$
"""


def settings_script(
    *,
    search_path: Sequence[str] = (),
    access_token_hook: str = "",
    expose_new_tables: bool | None = None,
) -> str:
    """Statements for a superuser, in a database of the platform; "" for a project that says nothing.

    `search_path`: where the API looks for names besides the schema that it serves. `access_token_hook`: the
    function, `schema.name`, that shapes tokens. `expose_new_tables`: whether API roles may use what the owner
    creates in `public`; None leaves it open, as the CLI's template does.
    """
    statements = []
    if search_path:
        statements.append(_keep("search_path", ", ".join(search_path)))
    if access_token_hook:
        statements.append(_keep("hook.custom_access_token", access_token_hook))
    if expose_new_tables is False:
        statements.append(_CLOSED.strip())
    return ";\n".join(statements)


def remember_settings(connection: psycopg.Connection[Any]) -> None:
    """Keep the settings of roles with the database, once its schema is loaded; nothing elsewhere.

    The connection is the owner's, or a superuser's.
    """
    row = connection.execute("select pg_catalog.to_regclass('pgassay.settings') is not null").fetchone()
    if row and row[0]:
        connection.execute(REMEMBER)


def _keep(name: str, value: str) -> str:
    insert = sql.SQL("insert into pgassay.settings (name, value) values ({}, pg_catalog.to_jsonb({}::text))")
    return insert.format(sql.Literal(name), sql.Literal(value)).as_string(None)
