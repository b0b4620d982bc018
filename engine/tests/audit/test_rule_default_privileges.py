"""Tables to come that are open before anybody writes them."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow

GRANT = "alter default privileges in schema public grant select, insert on tables to {};"
REVOKE = "alter default privileges in schema public revoke all on tables from anon, authenticated;"


def test_whatever_comes_next_is_open_to_anyone(audited: Audited) -> None:
    [finding] = of_rule(audited(REVOKE + GRANT.format("anon")), "default-privileges")
    assert (finding.object, finding.severity.word) == ("public", "high")
    assert finding.actions == ("insert", "select")
    assert finding.repair is not None
    assert finding.repair.statements[0].endswith("revoke insert, select on tables from anon")


def test_the_backend_may_have_it(audited: Audited) -> None:
    assert told(audited(REVOKE + GRANT.format("service_role")), "default-privileges") == []


def test_what_the_platform_grants_anyway_is_no_finding(audited: Audited) -> None:
    assert told(audited(GRANT.format("anon")), "default-privileges") == []


DEPOT = """create schema depot;
create table depot.tours (id integer primary key, plate text not null);
alter table depot.tours enable row level security;
"""
USE = "grant usage on schema depot to authenticated;"
OPEN = "alter default privileges in schema depot grant select on tables to {};"


def test_a_schema_that_the_api_does_not_serve(audited: Audited) -> None:
    found = told(audited(DEPOT + USE + OPEN.format("authenticated")), "default-privileges")
    assert found == [("depot", "medium", ("select",))]


def test_what_a_block_grants_to_everybody(audited: Audited) -> None:
    block = f"do $$ begin execute '{OPEN.format('public')}'; end $$;"
    [finding] = of_rule(audited(DEPOT + USE + block), "default-privileges")
    assert (finding.object, finding.who) == ("depot", ("alice", "bob"))


@pytest.mark.parametrize(
    "given",
    [
        OPEN.format("authenticated"),  # without USAGE
        USE + OPEN.format("service_role"),
        USE
        + OPEN.format("authenticated")
        + """
        create function depot.guard() returns event_trigger language plpgsql as $$
        declare made record;
        begin
            for made in select object_identity from pg_event_trigger_ddl_commands()
                where command_tag like 'CREATE TABLE%' loop
                execute format('alter table %s enable row level security', made.object_identity);
            end loop;
        end $$;
        create event trigger guard on ddl_command_end execute function depot.guard();
        """,
    ],
)
def test_tables_to_come_that_nobody_reaches(audited: Audited, given: str) -> None:
    assert told(audited(DEPOT + given), "default-privileges") == []


def test_a_schema_of_views_shows_views(audited: Audited) -> None:
    schema = """create schema shown; grant usage on schema shown to authenticated;
    create table public.tours (id integer primary key);
    alter table public.tours enable row level security;
    alter default privileges in schema shown grant select on tables to authenticated;
    create view shown.tours with (security_invoker = true) as select id from public.tours;
    """
    assert told(audited(schema), "default-privileges") == []
