"""Columns that an UPDATE sets to what an INSERT refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgassay.audit.rules.moved import find as find_moved
from pgassay.audit.rules.states import find as find_states
from pgassay.server import Server
from tests.audit.audit_support import Audited, audit_schema, of_rule, told

pytestmark = pytest.mark.slow

TRIPS = """
create type public.stage as enum ('asked', 'granted', 'refused');
create table public.trips (
    id integer primary key, clerk uuid not null references auth.users,
    stage public.stage not null default 'asked'
);
alter table public.trips enable row level security;
create policy "read" on public.trips for select to authenticated using (clerk = (select auth.uid()));
create policy "ask" on public.trips for insert to authenticated
with check (clerk = (select auth.uid()){asked});
create policy "change" on public.trips for update to authenticated using (clerk = (select auth.uid()){kept});
"""
ASKED = " and stage = 'asked'"


def test_a_state_that_no_row_begins_with_and_every_user_sets(audited: Audited) -> None:
    [finding] = of_rule(audited(TRIPS.format(asked=ASKED, kept="")), "states")
    assert (finding.object, finding.columns, finding.severity.word) == ("public.trips", ("stage",), "medium")
    assert finding.actions == ("update",)
    assert finding.repair is not None
    assert finding.repair.statements[0] == "revoke update on public.trips from authenticated"


def test_a_policy_for_updates_that_asks_too_is_enough(audited: Audited) -> None:
    assert told(audited(TRIPS.format(asked=ASKED, kept=ASKED)), "states") == []


def test_where_a_row_begins_as_it_likes_there_is_no_state(audited: Audited) -> None:
    assert told(audited(TRIPS.format(asked="", kept="")), "states") == []


def test_where_some_steps_are_let_through_somebody_chose_them(audited: Audited) -> None:
    steps = TRIPS.format(asked=ASKED, kept=") with check (clerk = (select auth.uid()) and stage <> 'granted'")
    assert told(audited(steps), "states") == []


def test_a_text_whose_check_lists_its_values_is_a_state_too(audited: Audited) -> None:
    enum = "create type public.stage as enum ('asked', 'granted', 'refused');"
    column = "text not null default 'asked' check (stage in ('asked', 'granted'))"
    schema = TRIPS.replace(enum, "").replace("public.stage not null default 'asked'", column)
    found = audited(schema.format(asked=ASKED, kept=""))
    assert told(found, "states") == [("public.trips", "medium", ("update",))]


GATES = """
create table public.gates (id integer primary key, keeper uuid not null references auth.users);
create table public.knocks (
    id integer generated always as identity primary key, gate integer not null references public.gates,
    who uuid not null references auth.users, let_in boolean not null default false, unique (gate, who)
);
create function public.keeps(which integer) returns boolean
language sql stable security definer set search_path = ''
as $$ select exists (select from public.gates as g where g.id = which and g.keeper = auth.uid()) $$;
create table public.gardens (id integer primary key, gate integer not null references public.gates);
alter table public.gates enable row level security;
alter table public.knocks enable row level security;
alter table public.gardens enable row level security;
create policy "own" on public.gates for select to authenticated using (keeper = (select auth.uid()));
create policy "see" on public.knocks for select to authenticated
using (who = (select auth.uid()) or public.keeps(gate));
create policy "knock" on public.knocks for insert to authenticated
with check (who = (select auth.uid()) and not let_in);
create policy "answer" on public.knocks for update to authenticated using ({});
create policy "see" on public.gardens for select to authenticated using (exists (
    select from public.knocks as k where k.gate = gardens.gate and k.who = (select auth.uid()) and k.let_in
));
"""


def test_who_answers_requests_may_have_made_one(server: Server, tmp_path: Path) -> None:
    """A keeper lets in whom he likes, himself, too; who knocks at the gate of another does not."""
    rules = (find_states, find_moved)
    assert audit_schema(server, tmp_path, GATES.format("public.keeps(gate)"), *rules).findings == ()
    found = audit_schema(server, tmp_path, GATES.format("who = auth.uid() or public.keeps(gate)"), *rules)
    assert [f.severity.word for f in of_rule(found, "states")] == ["medium"]


DIARY = """
create table public.{} (
    id integer generated always as identity primary key, who uuid not null references auth.users, what text
);
alter table public.{} enable row level security;
create policy "own" on public.{} for select to authenticated using (who = (select auth.uid()));
create policy "tidy" on public.{} for {} to authenticated using (who = (select auth.uid()));
create function public.note(what text) returns void language sql security definer set search_path = ''
as $$ insert into public.{} (who, what) values (auth.uid(), what) $$;
"""


def diary(name: str, verb: str) -> str:
    return DIARY.format(name, name, name, name, verb, name)


def test_who_a_log_is_about_removes_or_rewrites_it(audited: Audited) -> None:
    for verb in ("delete", "update"):
        found = told(audited(diary("access_log", verb)), "states")
        assert found == [("public.access_log", "medium", (verb,))]
    assert told(audited(diary("reminders", "delete")), "states") == []
    assert told(audited(diary("access_log", "select")), "states") == []


def test_remarks_in_a_log_are_its_users(audited: Audited) -> None:
    """No function writes the column, and a grant names it."""
    schema = diary("access_log", "update").replace("what text\n", "what text, remark text\n")
    granted = """revoke update on public.access_log from anon, authenticated;
    grant update ({}) on public.access_log to authenticated;"""
    assert told(audited(schema + granted.format("remark")), "states") == []
    assert told(audited(schema + granted.format("remark, what")), "states") == [
        ("public.access_log", "medium", ("update",))
    ]


FILES = """
insert into storage.buckets (id, name, public) values ('tapes', 'tapes', false);
create policy "see" on storage.objects for select to authenticated
using (bucket_id = 'tapes' and owner_id = (select auth.uid())::text);
create policy "put" on storage.objects for insert to authenticated
with check (bucket_id = 'tapes' and (storage.foldername(name))[1] = (select auth.uid())::text);
create policy "move" on storage.objects for update to authenticated
using (bucket_id = 'tapes' and owner_id = (select auth.uid())::text) with check (bucket_id = 'tapes' {});
"""


def test_an_object_is_moved_to_where_none_may_be_put(audited: Audited) -> None:
    assert told(audited(FILES.format("")), "states") == [("storage.objects[tapes]", "medium", ("update",))]
    own = "and (storage.foldername(name))[1] = (select auth.uid())::text"
    assert told(audited(FILES.format(own)), "states") == []


STALLS = """
create table public.halls (id integer primary key, name text not null);
create table public.wardens (
    hall integer references public.halls, who uuid references auth.users, primary key (hall, who)
);
create table public.stalls (
    id integer generated always as identity primary key, hall integer not null references public.halls,
    keeper uuid not null references auth.users, sign text not null, state text not null default 'asked'
);
create function public.guards(wanted integer) returns boolean
language sql stable security definer set search_path = ''
as $$ select exists (select from public.wardens as w where w.hall = wanted and w.who = auth.uid()) $$;
create function public.keep_state() returns trigger language plpgsql security definer set search_path = ''
as $$
begin
    if new.state <> old.state {only} and not public.guards(old.hall) then
        raise exception 'for wardens';
    end if;
    return new;
end $$;
create trigger keep_state before update on public.stalls for each row execute function public.keep_state();
alter table public.halls enable row level security;
alter table public.wardens enable row level security;
alter table public.stalls enable row level security;
create policy "own" on public.wardens for select to authenticated using (who = (select auth.uid()));
create policy "own" on public.stalls for select to authenticated
using (keeper = (select auth.uid()) or public.guards(hall));
create policy "ask" on public.stalls for insert to authenticated
with check (keeper = (select auth.uid()) and state = 'asked');
create policy "edit" on public.stalls for update to authenticated
using (keeper = (select auth.uid())) with check (keeper = (select auth.uid()));
create policy "decide" on public.stalls for update to authenticated
using (public.guards(hall)) with check (public.guards(hall) and state in ('asked', 'open', 'closed'));
"""


def test_who_guards_the_group_may_decide_about_his_own(server: Server, tmp_path: Path) -> None:
    """And gives away what is his."""
    found = audit_schema(server, tmp_path, STALLS.format(only=""), find_states, find_moved)
    assert told(found, "states") == []
    assert ("keeper",) not in [finding.columns for finding in of_rule(found, "moved")]


def test_a_trigger_looks_at_what_else_is_changed(audited: Audited) -> None:
    [finding] = of_rule(audited(STALLS.format(only="and new.sign = old.sign")), "states")
    assert (finding.object, finding.columns) == ("public.stalls", ("state",))
    assert "sign = " in finding.steps[-1].statement


LEAVES = """
create table public.clerks (
    id uuid primary key references auth.users, office integer not null, head uuid references public.clerks
);
create table public.leaves (
    id uuid primary key default gen_random_uuid(), clerk uuid not null references public.clerks,
    state text not null default 'asked' check (state in ('asked', 'granted', 'refused'))
);
alter table public.clerks enable row level security;
alter table public.leaves enable row level security;
create policy "own" on public.leaves for select to authenticated using (clerk = (select auth.uid()));
create policy "ask" on public.leaves for insert to authenticated
with check (clerk = (select auth.uid()) and state = 'asked');
create function public.decide(which uuid, answer text) returns void
language sql security definer set search_path = '' as $$
    update public.leaves as l set state = answer from public.clerks as c, public.clerks as me
    where l.id = which and c.id = l.clerk and me.id = auth.uid() and {}
$$;
"""


def test_whoever_asks_decides_through_a_function(audited: Audited) -> None:
    found = audited(LEAVES.format("me.office = c.office"))
    assert told(found, "states") == [("public.decide(uuid, text)", "medium", ("execute",))]
    assert told(audited(LEAVES.format("c.head = me.id")), "states") == []
