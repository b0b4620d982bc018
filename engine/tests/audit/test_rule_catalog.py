"""What the catalogs say, and what files set."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow

NOTES = """
create table public.notes (id integer primary key, who uuid not null references auth.users, body text);
alter table public.notes enable row level security;
create policy "own" on public.notes for all to authenticated using (who = (select auth.uid()));
"""
DEFAULT = ("default privileges", "info", ("truncate", "trigger", "references", "maintain"))
PICTURES = """
insert into storage.buckets (id, name, public) values ('pics', 'pics', {});
create policy "own pics" on storage.objects for select to authenticated
using (bucket_id = 'pics' and {});
"""
OWN = "(storage.foldername(name))[1] = (select auth.uid())::text"


def test_what_the_platform_grants_is_one_line(audited: Audited) -> None:
    assert told(audited(NOTES + "create table public.more (id integer);"), "catalog") == [DEFAULT]
    revoked = (
        NOTES + "revoke truncate, trigger, references, maintain on public.notes from anon, authenticated;"
    )
    assert told(audited(revoked), "catalog") == []


def test_making_objects_in_a_schema(audited: Audited) -> None:
    found = audited(NOTES + "grant create on schema public to authenticated;")
    assert ("public", "medium", ("create",)) in told(found, "catalog")
    [finding] = [f for f in of_rule(found, "catalog") if f.actions == ("create",)]
    assert finding.who == ("alice", "bob")
    assert finding.repair is not None


def test_what_was_granted_beyond_that_is_low(audited: Audited) -> None:
    schema = NOTES + (
        "alter default privileges in schema public revoke all on tables from anon, authenticated;"
        "create table public.more (id integer); grant select, truncate on public.more to authenticated;"
        "revoke all on public.notes from anon, authenticated;"
    )
    [finding] = of_rule(audited(schema), "catalog")
    assert (finding.severity.word, finding.actions, finding.who) == ("low", ("truncate",), ("alice", "bob"))
    assert "on public.more" in finding.sentence
    assert finding.repair is not None


def test_a_public_bucket_asks_no_policy(audited: Audited) -> None:
    [finding] = of_rule(audited(PICTURES.format("true", OWN)), "catalog")
    assert (finding.object, finding.severity.word) == ("storage.objects[pics]", "medium")
    assert finding.repair is not None
    assert of_rule(audited(PICTURES.format("false", OWN)), "catalog") == []
    # Policies that show all of it hide nothing.
    shown = PICTURES.format("true", "true").replace("to authenticated", "")
    assert of_rule(audited(shown), "catalog") == []


def test_what_files_set_for_requests(audited: Audited) -> None:
    schema = """
    alter role authenticated set statement_timeout = 0;
    alter role anon set statement_timeout = '3s';
    alter role service_role set statement_timeout = 0;
    """
    assert told(audited(schema), "catalog") == [
        ("authenticated.statement_timeout", "low", ("set",)),
        ("anon.statement_timeout", "info", ("set",)),
    ]


def test_a_public_bucket_hides_nothing_from_users_who_read_all_of_it(audited: Audited) -> None:
    """Nor does a policy FOR ALL: what it shows owners is there to be changed."""
    [finding] = of_rule(audited(PICTURES.format("true", "true")), "catalog")
    assert (finding.object, finding.severity.word) == ("storage.objects[pics]", "low")
    kept = PICTURES.format("true", OWN).replace("for select", "for all")
    [finding] = of_rule(audited(kept), "catalog")
    assert finding.severity.word == "low"
