"""Policies that decide nothing."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow

BOARDS = """
create table public.boards (id integer primary key, title text not null);
create table public.seats (
    board integer references public.boards on delete cascade,
    who uuid references auth.users, is_chair boolean not null,
    primary key (board, who)
);
create function public.boards_of(chair boolean) returns setof integer
language sql stable security definer set search_path = ''
as $$ select s.board from public.seats as s where s.who = auth.uid() and s.is_chair >= chair $$;
alter table public.boards enable row level security;
alter table public.seats enable row level security;
create policy "chairs run boards" on public.boards for all to authenticated
using (id in (select public.boards_of(true)));
create policy "members see boards" on public.boards for {} to authenticated
using (id in (select public.boards_of(false)));
"""


def test_a_wider_policy_for_all_makes_the_narrow_one_pointless(audited: Audited) -> None:
    [finding] = of_rule(audited(BOARDS.format("all")), "pointless")
    assert (finding.object, finding.severity.word) == ("public.boards", "high")
    assert finding.actions == ("update", "delete")
    assert '"members see boards"' in finding.sentence


def test_a_wider_policy_that_only_reads_does_not(audited: Audited) -> None:
    assert told(audited(BOARDS.format("select")), "pointless") == []


NOTES = """
create table public.notes (id integer primary key, owner uuid not null references auth.users, body text);
alter table public.notes enable row level security;
create policy "own" on public.notes for all to authenticated using (owner = auth.uid());
create policy "sync" on public.notes for update to authenticated using (true);
"""


def test_a_policy_for_one_command_says_nothing_of_another(audited: Audited) -> None:
    """`sync` is for updates: that it changes no deletion is no fault."""
    assert told(audited(NOTES), "pointless") == []


def test_a_rank_may_do_all_that_others_do_with_rows_of_their_own(audited: Audited) -> None:
    schema = """
    create table public.staff (
        id uuid primary key references auth.users, boss boolean not null default false
    );
    create table public.notes (id integer primary key, writer uuid not null references auth.users);
    alter table public.staff enable row level security;
    alter table public.notes enable row level security;
    create function public.is_boss() returns boolean language sql stable security definer
    set search_path = '' as $$
        select coalesce((select s.boss from public.staff as s where s.id = auth.uid()), false)
    $$;
    create policy "boss" on public.notes for all to authenticated using (public.is_boss());
    create policy "mine" on public.notes for update to authenticated using (writer = (select auth.uid()));
    """
    assert told(audited(schema), "pointless") == []


DRIVERS = """
create table public.drivers (
    id uuid primary key references auth.users, plate text not null, grade text not null default 'learner'
);
alter table public.drivers enable row level security;
create policy "own" on public.drivers for all to authenticated
using (id = (select auth.uid())) with check (id = (select auth.uid()));
create function public.keep() returns trigger language plpgsql security {} set search_path = '' as $$
begin
    if {} in ('anon', 'authenticated') then
        {}
    end if;
    return coalesce(new, old);
end $$;
create trigger keep before {} on public.drivers for each row execute function public.keep();
"""
KEEP = "new.grade := old.grade;"
RAISE = "raise exception 'not yours' using errcode = '{}';"


@pytest.mark.parametrize(
    ("who", "body", "verb"),
    [
        ("current_user", KEEP, "update"),
        ("current_user", f"if new.grade <> old.grade then {RAISE.format('42501')} end if;", "update"),
        ("current_role", RAISE.format("P0001"), "delete"),
        ("current_user", "return null;", "delete"),
        ("current_user", "new.grade := 'learner';", "insert"),
    ],
)
def test_a_guard_that_asks_about_its_owner_stops_nobody(
    audited: Audited, who: str, body: str, verb: str
) -> None:
    found = audited(DRIVERS.format("definer", who, body, verb))
    assert told(found, "pointless") == [("public.drivers", "medium", (verb,))]
    [finding] = of_rule(found, "pointless")
    assert finding.repair is not None
    assert finding.repair.statements == ("alter function public.keep() security invoker",)


@pytest.mark.parametrize(("security", "who"), [("invoker", "current_user"), ("definer", "auth.role()")])
def test_a_guard_that_asks_about_whoever_writes(audited: Audited, security: str, who: str) -> None:
    assert told(audited(DRIVERS.format(security, who, KEEP, "update")), "pointless") == []


def test_who_keeps_a_log_of_who_wrote_stops_nobody(audited: Audited) -> None:
    """As whoever writes it could not write the log: that is no refusal of its own."""
    log = """create table public.log (who text); revoke all on public.log from anon, authenticated;"""
    body = "insert into public.log values (current_user);"
    assert (
        told(
            audited(
                log + DRIVERS.format("definer", "'x'", body, "update").replace("if 'x' in", "if 'x' not in")
            ),
            "pointless",
        )
        == []
    )
