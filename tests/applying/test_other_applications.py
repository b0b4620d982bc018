"""A project in use already: its users, buckets, tables, schemas, grants and publications stay as they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgassay.database import Database
from pgassay.workbench import Workbench
from tests.applying.privileges import read_privileges
from tests.applying.test_application import apply
from tests.applying.test_privileges_of_starting_points import STARTING_POINTS, usual_privileges

pytestmark = pytest.mark.slow

OTHERS = """
    create schema if not exists private;
    grant usage on schema private to authenticated;
    alter default privileges in schema private grant all on tables to anon, authenticated;
    alter default privileges in schema private grant all on sequences to anon, authenticated;
    alter default privileges in schema private grant execute on functions to public, anon, authenticated;
    create table private.notes (id bigint generated always as identity primary key, body text);
    create function private.is_admin() returns boolean language sql stable as 'select false';
    create table public.posts (id bigint generated always as identity primary key, title text);
    create view public.titles with (security_invoker = true) as select title from public.posts;
    create function public.count_posts() returns bigint language sql stable
    as 'select count(*) from public.posts';
    grant all on public.posts, public.titles to anon, authenticated, service_role;
    grant usage on sequence public.posts_id_seq to anon, authenticated;
    grant execute on function public.count_posts() to public, anon, authenticated, service_role;
    insert into public.posts (title) values ('stays');
    create publication others for table public.posts;
    insert into auth.users (id, email, raw_user_meta_data, last_sign_in_at) values
    (
        'e0000000-0000-4000-8000-000000000001', 'early@example.com',
        '{"full_name": "Early\\u202e"}', '2026-01-01'
    ),
    ('e0000000-0000-4000-8000-000000000002', null, null, null);
    insert into auth.users (id, email, deleted_at) values
    ('e0000000-0000-4000-8000-000000000003', 'gone@example.com', now())
"""
BUCKETS = """
    insert into storage.buckets (id, name, public) values
    ('raw-videos', 'raw-videos', true), ('final-videos', 'final-videos', true), ('avatars', 'avatars', true);
    insert into storage.objects (bucket_id, name) values ('raw-videos', 'old.mp4'), ('avatars', 'a.png')
"""
THEIRS = (
    "private.notes",
    "private.is_admin",
    "public.posts",
    "public.titles",
    "public.count_posts",
    "private.notes_id",
)


def run(database: Database, *scripts: str) -> None:
    with closing(database.connect(autocommit=True)) as owner:
        for script in scripts:
            owner.execute(script.encode())


def ask(database: Database, query: str) -> Any:
    with closing(database.connect()) as owner:
        return owner.execute(query.encode()).fetchall()


def privileges(database: Database) -> list[str]:
    with closing(database.connect()) as owner:
        return read_privileges(owner)


def of_others(lines: list[str]) -> list[str]:
    return [
        line for line in lines if any(name in line for name in THEIRS) or line.startswith("schema private")
    ]


@pytest.fixture
def files(workbench: Workbench) -> tuple[Path, ...]:
    return (*workbench.config.schema, *workbench.config.companions)


@pytest.fixture(params=STARTING_POINTS)
def project(workbench: Workbench, request: pytest.FixtureRequest) -> Iterator[Database]:
    """A Supabase project in which others have been at work, from each starting point."""
    scripts = tuple(workbench.config.root / path for path in STARTING_POINTS[request.param])
    with workbench.database(depth="environment", starting_point=scripts) as database:
        run(database, OTHERS)
        yield database


@pytest.fixture
def fresh(workbench: Workbench) -> Iterator[Database]:
    with workbench.database(depth="environment") as database:
        yield database


def test_what_others_granted_stays_and_ours_is_closed(
    workbench: Workbench, project: Database, files: tuple[Path, ...]
) -> None:
    run(project, BUCKETS)
    before = of_others(privileges(project))
    assert len(before) > 20
    for path in files:
        apply(project, path)
    after = privileges(project)
    assert of_others(after) == before
    ours = [line for line in after if line not in set(of_others(after))]
    assert ours == usual_privileges(workbench)
    assert ask(project, "select title from public.posts") == [("stays",)]


def test_private_of_others_opens_nothing_of_ours(project: Database, files: tuple[Path, ...]) -> None:
    for path in files:
        apply(project, path)
    with closing(project.connect()) as connection:
        connection.execute("set local role authenticated")
        assert connection.execute("select private.is_admin()").fetchone() == (False,)
        for statement, kind in (
            ("select * from private.secrets", "table secrets"),
            ("select * from private.debts", "table debts"),
            ("select private.erase_account(gen_random_uuid())", "function erase_account"),
            ("select private.post_entry(gen_random_uuid(), 'BONUS', 1)", "function post_entry"),
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match=kind), connection.transaction():
                connection.execute(statement.encode())


def test_users_that_were_there_have_accounts(project: Database, files: tuple[Path, ...]) -> None:
    apply(project, files[0])
    rows = ask(
        project,
        "select right(id::text, 1), email, full_name, last_login_at is null from public.users order by 1",
    )
    assert rows == [("1", "early@example.com", "Early", False), ("2", None, None, True)]
    assert ask(project, "select count(*) from public.user_preferences") == [(2,)]


def test_buckets_made_beforehand_become_private_and_keep_their_objects(
    fresh: Database, files: tuple[Path, ...]
) -> None:
    run(fresh, BUCKETS)
    for path in files:
        apply(fresh, path)
    query = "select id, public, file_size_limit is not null from storage.buckets order by id"
    assert ask(fresh, query) == [
        ("avatars", True, False),
        ("final-videos", False, True),
        ("raw-videos", False, True),
        ("thumbnails", False, True),
    ]
    assert ask(fresh, "select count(*) from storage.objects") == [(2,)]


MORE = "it publishes more than public.jobs and public.users"
PUBLISHED = "select tablename::text from pg_publication_tables where pubname = 'supabase_realtime' order by 1"


def test_tables_that_are_published_already_are_left_alone(fresh: Database, files: tuple[Path, ...]) -> None:
    apply(fresh, files[0])
    run(fresh, "alter publication supabase_realtime add table public.jobs")
    assert apply(fresh, files[1]) == ()
    assert ask(fresh, PUBLISHED) == [("jobs",), ("users",)]


@pytest.mark.parametrize(
    ("extent", "messages"),
    [
        ("all tables", [f"publication supabase_realtime is FOR ALL TABLES: {MORE}"]),
        ("tables in schema public", []),
    ],
)
def test_publication_that_has_everything_is_left_alone(
    fresh: Database, files: tuple[Path, ...], extent: str, messages: list[str]
) -> None:
    # Only a superuser makes such a one; he may enter while there is nothing but the environment.
    with closing(psycopg.connect(fresh.server.conninfo(fresh.name), autocommit=True)) as superuser:
        superuser.execute("drop publication supabase_realtime")
        superuser.execute(f"create publication supabase_realtime for {extent}".encode())
    apply(fresh, files[0])
    assert [notice.message for notice in apply(fresh, files[1])] == messages
    assert {("jobs",), ("users",), ("credit_transactions",)} <= set(ask(fresh, PUBLISHED))


@pytest.mark.parametrize(
    "taken", ["create table public.users (id int)", "create table private.debts (id int)"]
)
def test_name_that_is_taken_is_told_and_nothing_is_changed(
    project: Database, files: tuple[Path, ...], taken: str
) -> None:
    run(project, taken)
    before = ask(project, "select count(*) from pg_class")
    with (
        closing(project.connect()) as owner,
        pytest.raises(psycopg.errors.DuplicateTable, match="already exists"),
    ):
        owner.execute(files[0].read_bytes())
    assert ask(project, "select count(*) from pg_class") == before


def test_second_run_of_both_files_fails_and_changes_nothing(
    project: Database, files: tuple[Path, ...]
) -> None:
    for path in files:
        apply(project, path)
    before = privileges(project)
    for path in files:
        with (
            closing(project.connect()) as owner,
            pytest.raises(psycopg.errors.DuplicateObject, match="already exists"),
        ):
            owner.execute(path.read_bytes())
    assert privileges(project) == before
