"""Write what the real migrations of Auth, Storage and Realtime make: names, types, owners, grants.

    python tools/platform_facts.py POSTGRES AUTH STORAGE REALTIME > tests/supabase/platform.facts

The arguments are checkouts (or bare clones) of supabase/postgres, /auth, /storage and /realtime. Their
files run in a database of a server that this starts, and nothing of their text is kept.
"""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import Any

import psycopg

from pgassay.server import open_server

_QUERY = Path(__file__).parents[1] / "tests" / "supabase" / "facts.sql"
_REALTIME = "lib/realtime/tenants/repo/migrations"

# The image's files that need what a scratch server lacks, and say nothing about these three schemas.
_ELSEWHERE = ("pg_graphql", "pg_cron", "pgsodium")
_PRELUDE = """
    create role postgres superuser login; create role pgbouncer;
    create schema extensions;
    create function extensions.uuid_generate_v4() returns uuid language sql as 'select gen_random_uuid()';
"""

# What Ecto's own language says in these migrations, as far as it is there at the end.
_ECTO = {
    "20231018144023": "create table realtime.channels (id bigserial primary key, name text)",
    "20240227174441": "create table realtime.broadcasts (id bigserial primary key)",
    "20240321100241": "create table realtime.presences (id bigserial primary key)",
    "20240523004032": """
        drop table realtime.broadcasts, realtime.presences, realtime.channels cascade;
        create table realtime.messages (id bigserial primary key, topic text not null,
            extension text not null, inserted_at timestamp(0) not null, updated_at timestamp(0) not null)
    """,
    "20240919163303": """
        alter table realtime.messages add payload jsonb, add event text, add private boolean default true,
            alter inserted_at set default now(), alter updated_at set default now()
    """,
    "20240919163305": "alter table realtime.messages add uuid uuid",
    "20241108114728": """
        alter table realtime.messages drop id, drop uuid, add id uuid not null default gen_random_uuid()
    """,
    "20250905041441": """
        create index messages_inserted_at_topic_index on realtime.messages (inserted_at desc, topic)
            where extension = 'broadcast' and private is true
    """,
}

# What newer migrations of the image do (20250421084701, 20250709135250); a snapshot may end before them.
_LATER = """
    revoke create on schema auth, storage, realtime from postgres;
    revoke all on storage.migrations from anon, authenticated, service_role, postgres;
    revoke all on auth.schema_migrations from dashboard_user, postgres;
    revoke all on realtime.schema_migrations from anon, authenticated, service_role, postgres;
    grant usage on schema storage, realtime to postgres with grant option;
"""


class Checkout:
    """Files of the newest commit of a clone."""

    def __init__(self, path: str) -> None:
        self._path = path

    def files(self, folder: str, ending: str) -> list[str]:
        listed = self._git("ls-tree", "-r", "--name-only", "HEAD", "--", folder).splitlines()
        return sorted((name for name in listed if name.endswith(ending)), key=_number)

    def read(self, name: str) -> str:
        return self._git("show", f"HEAD:{name}")

    @property
    def commit(self) -> str:
        return self._git("rev-parse", "HEAD").strip()

    def _git(self, *arguments: str) -> str:
        command = ["git", "-C", self._path, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main(postgres: str, auth: str, storage: str, realtime: str) -> None:
    """Load everything into one database and print the facts."""
    checkouts = [Checkout(path) for path in (postgres, auth, storage, realtime)]
    with open_server("embedded") as server:
        connection = psycopg.connect(server.conninfo(server.maintenance), autocommit=True)
        with closing(connection):
            _load_image(connection, checkouts[0])
            _load_auth(connection, checkouts[1])
            _load_storage(connection, checkouts[2])
            _load_realtime(connection, checkouts[3])
            print("# What these commits make, written by tools/platform_facts.py.")
            for name, checkout in zip(("postgres", "auth", "storage", "realtime"), checkouts, strict=True):
                print(f"# supabase/{name} {checkout.commit}")
            _run(connection, "later", _LATER)
            connection.execute("set search_path to ''")
            for (line,) in connection.execute(_QUERY.read_bytes()):
                print(line)


def _number(name: str) -> tuple[int, str]:
    """00010 comes after 0009."""
    return int(PurePosixPath(name).name.split("_")[0].split("-")[0]), name


def _load_image(connection: psycopg.Connection[Any], checkout: Checkout) -> None:
    _run(connection, "prelude", _PRELUDE)
    for folder in ("migrations/db/init-scripts", "migrations/db/migrations"):
        for name in checkout.files(folder, ".sql"):
            if not any(part in name for part in _ELSEWHERE):
                text = checkout.read(name).split("-- migrate:down")[0]
                kept = [line for line in text.splitlines() if not _unwanted(line)]
                _run(connection, name, "\n".join(kept))


def _unwanted(line: str) -> bool:
    """Extensions that the server lacks, and a demotion of the scratch server's superuser."""
    lower = line.lower()
    return (
        lower.startswith("create extension")
        or "pgsodium_keyholder" in lower
        or "alter user  supabase_admin" in lower
    )


def _load_auth(connection: psycopg.Connection[Any], checkout: Checkout) -> None:
    connection.execute("set role supabase_auth_admin; set search_path to auth")
    for name in checkout.files("migrations", ".up.sql"):
        text = re.sub(r'\{\{ ?index .Options "Namespace" ?\}\}', "auth", checkout.read(name))
        _run(connection, name, text)
    connection.execute("reset role; reset search_path")


def _load_storage(connection: psycopg.Connection[Any], checkout: Checkout) -> None:
    """As the CLI does: for one tenant, with roles that are there already."""
    for name, value in (("install_roles", "false"), ("multitenant", "false"), ("super_user", "postgres")):
        connection.execute(f"set storage.{name} to '{value}'")
    connection.execute("set role supabase_storage_admin; set search_path to storage, public, extensions")
    for name in checkout.files("migrations/tenant", ".sql"):
        _run(connection, name, checkout.read(name).replace("INDEX CONCURRENTLY", "INDEX"))
    connection.execute("reset role; reset search_path")


def _load_realtime(connection: psycopg.Connection[Any], checkout: Checkout) -> None:
    connection.execute("""
        set search_path to realtime;
        set supautils.policy_grants to '{"postgres": ["realtime.messages", "realtime.subscription"]}';
        create table realtime.schema_migrations (version bigint primary key, inserted_at timestamp(0));
    """)
    for name in checkout.files(_REALTIME, ".ex"):
        number = PurePosixPath(name).name.split("_")[0]
        for statement in (_ECTO.get(number, ""), *_elixir_statements(checkout.read(name))):
            if statement:
                _run(connection, name, statement)


def _elixir_statements(text: str) -> list[str]:
    """The strings that `execute` gets in `change` or `up`."""
    body = text.partition("def down do")[0]
    found = []
    while (start := body.find("execute")) >= 0:
        body = body[start + len("execute") :].lstrip("( \n")
        raw = body.startswith("~S")
        body = body.removeprefix("~S")
        quote = '"""' if body.startswith('"""') else '"'
        if not body.startswith(quote):
            continue
        end = _closing(body, quote)
        inside = body[len(quote) : end]
        found.append(inside if raw else inside.replace("\\\\", "\0").replace('\\"', '"').replace("\0", "\\"))
        body = body[end + len(quote) :]
    return found


def _closing(text: str, quote: str) -> int:
    at = text.index(quote, len(quote))
    while text[at - 1] == "\\":
        at = text.index(quote, at + 1)
    return at


def _run(connection: psycopg.Connection[Any], name: str, text: str) -> None:
    try:
        connection.execute(text.encode())
    except psycopg.Error as error:
        raise SystemExit(f"{name}: {error}") from error


if __name__ == "__main__":
    main(*sys.argv[1:])
