"""What the catalogs tell by themselves: more that API roles hold is a gain, less is none."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import psycopg
import pytest

from pgassay.catalog.compare import compare_inventories
from pgassay.catalog.inventory import Inventory, read_inventory
from pgassay.catalog.model import ObjectKey
from pgassay.diff.catalog_gains import find_catalog_gains
from pgassay.diff.loaded import open_side
from pgassay.diff.outcome import Review, judge
from pgassay.diff.report import report_review
from pgassay.diff.review import review
from pgassay.render.report import render_markdown, render_text
from pgassay.server import open_server
from tests.diff.diff_support import Tenants

pytestmark = pytest.mark.slow

OBJECT = "do $$ begin perform lo_create(7777); end $$;"
BUCKET = "insert into storage.buckets (id, name, file_size_limit, allowed_mime_types) values ('b', 'b', {});"
PUBLICATION = "create publication told for table public.members (user_id) with (publish = 'insert');"
RELATION = "public.documents"
WIDENINGS = {
    "table that the API does not serve": (
        "create table private.keys (id int); grant select on private.keys to anon;",
        "grant usage on schema private to anon;",
        "anon can now SELECT private.keys, which PostgREST does not serve.",
    ),
    "trigger": (
        "",
        "grant trigger, references on public.documents to authenticated;",
        "authenticated can now let foreign keys refer to public.documents and put triggers on",
    ),
    "maintain": (
        "",
        "grant maintain on public.documents to anon;",
        "anon can now maintain public.documents (VACUUM, REINDEX, LOCK).",
    ),
    "event trigger": (
        "",
        "create function private.open() returns event_trigger language plpgsql as "
        "$$ begin execute 'grant select on all tables in schema public to anon'; end $$;",
        "private.open() now opens what is created later (grant).",
    ),
    "schema": (
        "",
        "grant create on schema private to authenticated;",
        "authenticated can now create objects in schema private.",
    ),
    "option": (
        "",
        "grant select on public.documents to authenticated with grant option;",
        "authenticated can now grant SELECT on public.documents to others.",
    ),
    "large object": (
        OBJECT,
        "grant select on large object 7777 to anon;",
        'anon can now read large object "7777".',
    ),
    "defaults": (
        "alter default privileges in schema public revoke all on tables from anon;",
        "alter default privileges in schema public grant select, insert on tables to anon;",
        "anon will hold INSERT and SELECT on tables that postgres creates in schema public from now on.",
    ),
    "defaults of PostgreSQL": (
        "alter default privileges revoke execute on functions from public;",
        "alter default privileges grant execute on functions to public;",
        "public will hold EXECUTE on functions that postgres creates from now on.",
    ),
    "publication": (
        "",
        "create publication told for table public.documents;",
        "Changes of public.documents are now published in told.",
    ),
    "columns of a publication": (
        PUBLICATION,
        "alter publication told set table public.members (user_id, tenant);",
        "tenant of public.members are now published in told.",
    ),
    "events of a publication": (
        PUBLICATION,
        "alter publication told set (publish = 'insert, delete');",
        "Publication told now tells of delete.",
    ),
    "notification": (
        "create function private.tell() returns trigger language plpgsql as $$ begin return null; end $$;",
        "create or replace function private.tell() returns trigger language plpgsql as "
        "$$ begin perform pg_notify('documents', new::text); return null; end $$;",
        "private.tell() now tells whoever listens (pg_notify).",
    ),
    "notification by a statement": (
        "create function private.tell(notify text) returns text language plpgsql as "
        "$$ begin return notify; end $$;",
        "create or replace function private.tell(notify text) returns text language plpgsql as "
        "$$ begin notify documents; return notify; end $$;",
        "private.tell(text) now tells whoever listens (notify).",
    ),
    "notification by a text that is run": (
        "create function private.tell() returns trigger language plpgsql as $$ begin return null; end $$;",
        "create or replace function private.tell() returns trigger language plpgsql as "
        "$$ begin execute format('notify documents, %L', new.label); return null; end $$;",
        "private.tell() now tells whoever listens (notify).",
    ),
    "path": (
        "create function public.count() returns bigint language sql security definer "
        "set search_path = '' as 'select count(*) from public.members'; "
        "grant execute on function public.count() to authenticated;",
        "alter function public.count() reset search_path;",
        "public.count() now looks in the schemas of whoever calls it for what its owner's rights reach.",
    ),
    "temporary tables": (
        "create function public.count() returns bigint language sql security definer "
        "set search_path = public, pg_temp as 'select count(*) from members'; "
        "grant execute on function public.count() to authenticated;",
        "alter function public.count() set search_path = public;",
        "public.count() now takes temporary tables of whoever calls it for public.members:",
    ),
    "temporary types": (
        "create function public.mark(x pg_catalog.text) returns pg_catalog.text language plpgsql "
        "security definer set search_path = '' as $$ declare y pg_catalog.text := x; begin return y; end $$; "
        "grant execute on function public.mark(text) to authenticated;",
        "create or replace function public.mark(x pg_catalog.text) returns pg_catalog.text language plpgsql "
        "security definer set search_path = '' as $$ declare y text := x; begin return y; end $$;",
        "public.mark(text) now takes temporary types of whoever calls it for text, and runs their checks ",
    ),
    "replica identity": (
        "",
        "alter table public.documents replica identity full;",
        "Whoever listens to changes of public.documents is now sent whole rows as they were before,",
    ),
    "replica identity by an index": (
        "alter table public.documents add constraint documents_of_owner unique (id, owner);",
        "alter table public.documents replica identity using index documents_of_owner;",
        "Whoever listens to changes of public.documents is now sent the columns of an index as they were ",
    ),
    "size of files": (
        BUCKET.format("1000, null"),
        "update storage.buckets set file_size_limit = 2000;",
        "Files of 2000 bytes can now be put into bucket b (was: 1000 bytes).",
    ),
    "types of files": (
        BUCKET.format("""null, '{"image/png"}'"""),
        """update storage.buckets set allowed_mime_types = '{"image/png","text/html"}';""",
        "Files of text/html can now be put into bucket b.",
    ),
}


def compare(tenants: Tenants, before: str, after: str) -> Review:
    base, head = tenants.head(before, name="base.sql"), tenants.head(f"{before}\n{after}\n")
    return review(tenants.server, base, head, search=0)


@pytest.mark.parametrize(("before", "after", "message"), WIDENINGS.values(), ids=WIDENINGS)
def test_more_that_an_api_role_holds_is_a_gain_and_less_is_none(
    tenants: Tenants, before: str, after: str, message: str
) -> None:
    if "grant maintain" in after and tenants.server.version < 170000:
        pytest.skip("there is no MAINTAIN before PostgreSQL 17")
    base, head = tenants.head(before, name="base.sql"), tenants.head(f"{before}\n{after}\n")
    with open_side(tenants.server, base) as one, open_side(tenants.server, head) as two:
        narrow, wide = one.survey(), two.survey()
    [gain] = judge(base, head, narrow, wide).difference.gained
    assert gain.message.startswith(message)
    assert gain.causes
    back = judge(head, base, wide, narrow).difference
    assert back.gained == ()
    assert back.schema


def test_setting_of_a_role_in_this_database_is_seen_in_a_clone_of_it(tenants: Tenants) -> None:
    if tenants.server.version < 160000:
        pytest.skip("before PostgreSQL 16 the owner may not alter roles here")
    change = """do $$ begin
    execute format('alter role authenticator in database %I set statement_timeout = {}', current_database());
end $$;"""
    loose = compare(tenants, change.format("5000"), change.format("0")).difference
    [gain] = loose.gained
    assert gain.message.startswith("statement_timeout for requests as authenticator is now 0 (was: 5000).")
    assert gain.place is not None
    [gain] = compare(tenants, "", change.format("0")).difference.gained
    assert gain.message.startswith("statement_timeout for requests as authenticator is now 0 (was: 8s).")
    assert compare(tenants, change.format("5000"), change.format("1000")).difference.gained == ()


def test_role_of_another_project_is_seen_once_the_database_names_it(tenants: Tenants) -> None:
    grant = "grant select on public.documents to pgassay_test_other"
    with closing(psycopg.connect(tenants.server.url("postgres"), autocommit=True)) as admin:
        admin.execute("drop role if exists pgassay_test_other; create role pgassay_test_other")
        try:
            with open_side(tenants.server, tenants.base) as side, side.session.as_owner():
                assert "pgassay_test_other" not in {key.name for key in read_inventory(side.session).roles}
                side.session.execute(grant)
                assert "pgassay_test_other" in {key.name for key in read_inventory(side.session).roles}
        finally:
            admin.execute("drop role pgassay_test_other")


def test_role_that_loses_something_is_no_gain(tenants: Tenants) -> None:
    with open_server("embedded") as own:  # roles belong to all databases of a server
        alone = replace(tenants, server=own)
        stricter = alone.head("alter role authenticated set statement_timeout = '1s';\n")
        assert alone.review(stricter).difference.gained == ()


@pytest.mark.parametrize(
    ("before", "after", "gains"),
    [
        ({}, {"superuser": "false", "login": "false", "inherit": "true"}, 0),
        ({}, {"login": "true"}, 1),
        ({"bypassrls": "false"}, {"bypassrls": "true"}, 1),
        ({"bypassrls": "true"}, {"bypassrls": "false"}, 0),
        ({"settings": "a=1"}, {"settings": "a=1, statement_timeout=8s"}, 0),
        ({"settings": "statement_timeout=8s"}, {"settings": "statement_timeout=1min"}, 1),
        ({"settings": "statement_timeout=8s"}, {"settings": ""}, 1),
        ({"settings": "statement_timeout=8s"}, {"settings": "statement_timeout=900ms"}, 0),
    ],
)
def test_role_is_judged_by_what_it_may_do_more(
    before: dict[str, str], after: dict[str, str], gains: int
) -> None:
    role = ObjectKey("role", "", "somebody")
    base, head = (Inventory(objects={role: said} if said else {}) for said in (before, after))
    found = find_catalog_gains(compare_inventories(base, head), base=base, head=head, roles=["somebody"])
    assert len(list(found)) == gains


OPERATOR = """
create function private.same(a text, b text) returns boolean language sql immutable as $$ select a = b $$;
create operator public.=== (leftarg = text, rightarg = text, function = private.same);
"""


def test_what_no_statement_tries_is_listed(tenants: Tenants) -> None:
    found = compare(tenants, "", OPERATOR)
    assert [str(change) for change in found.difference.untried] == [
        'Operator "public.===(pg_catalog.text,pg_catalog.text)" is new.'
    ]
    report = report_review(found)
    for text in (render_text(report), render_markdown(report)):
        assert 'Operator "public.===(pg_catalog.text,pg_catalog.text)" is new.' in text
        assert "1 change on which access may depend cannot be tried." in text
    assert [change["name"] for change in report.document["untried"]] == [
        "public.===(pg_catalog.text,pg_catalog.text)"
    ]


def test_operator_of_a_policy_leads_to_its_function(tenants: Tenants) -> None:
    base = (
        OPERATOR
        + 'create policy "same" on public.documents for select using (tenant operator(public.===) $$x$$);'
    )
    head = base.replace("select a = b", "select a <> b")
    found = review(tenants.server, tenants.head(base, name="base.sql"), tenants.head(head), search=0)
    assert found.difference.gained
    assert all("Function private.same(text, text)" in gain.message for gain in found.difference.gained)


def test_function_that_notified_in_another_schema_tells_nobody_more(tenants: Tenants) -> None:
    said = """create schema inner_things;
create function {}.tell() returns trigger language plpgsql as $$ begin notify told; return null; end $$;
"""
    before, after = said.format("private"), said.format("inner_things")
    with (
        open_side(tenants.server, tenants.head(before, name="base.sql")) as one,
        open_side(tenants.server, tenants.head(after)) as two,
    ):
        sides = one.inventory, two.inventory
    told = find_catalog_gains(compare_inventories(*sides), base=sides[0], head=sides[1], roles=["anon"])
    assert list(told) == []
