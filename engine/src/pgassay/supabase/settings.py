"""What a project's configuration makes of the platform, as SQL for a superuser below the schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql

from pgassay.supabase.identity import REMEMBER
from pgassay.supabase.settings_file import Bucket

# The revokes of the guide "Securing your API". TRUNCATE, REFERENCES and TRIGGER stay, as on the platform.
_CLOSED = """
do $closed$
declare
    privileges text;
begin
    foreach privileges in array array[
        'select, insert, update, delete on tables', 'execute on functions', 'usage, select on sequences'
    ] loop
        execute format(
            'alter default privileges for role %I in schema public '
            'revoke %s from anon, authenticated, service_role', current_setting('pgassay.owner'), privileges
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


def buckets_script(buckets: Mapping[str, Bucket]) -> str:
    """Statements for the owner, after schema and seeds: the buckets that the configuration declares."""
    return ";\n".join(_make_bucket(name, bucket) for name, bucket in buckets.items())


def run_on_platform(statements: str, connection: psycopg.Connection[Any]) -> None:
    """Run statements in a database that has the platform of this package; nothing in any other."""
    row = connection.execute("select pg_catalog.to_regclass('pgassay.settings') is not null").fetchone()
    if row and row[0]:
        connection.execute(statements.encode())


def remember_settings(connection: psycopg.Connection[Any]) -> None:
    """Keep the settings of roles with the database, once its schema is loaded."""
    run_on_platform(REMEMBER, connection)


def _make_bucket(name: str, bucket: Bucket) -> str:
    upsert = sql.SQL("""
        insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
        values ({name}, {name}, {public}, {limit}, {types})
        on conflict (id) do update set
            public = excluded.public,
            file_size_limit = excluded.file_size_limit,
            allowed_mime_types = excluded.allowed_mime_types
    """)
    values = upsert.format(
        name=sql.Literal(name),
        public=sql.Literal(bucket.public),
        limit=sql.Literal(bucket.file_size_limit),
        types=sql.Literal(list(bucket.allowed_mime_types) or None),
    )
    return values.as_string(None).strip()


def _keep(name: str, value: str) -> str:
    insert = sql.SQL("insert into pgassay.settings (name, value) values ({}, pg_catalog.to_jsonb({}::text))")
    return insert.format(sql.Literal(name), sql.Literal(value)).as_string(None)
