"""Statements that come to something else when two of them run at once. Each schema has a mended twin."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow

TABLES = """
create table public.coupons (code text primary key);
create table public.redemptions (
    id integer generated always as identity primary key, coupon text not null references public.coupons,
    who uuid not null references auth.users
);
create table public.quotas (id uuid primary key references auth.users, open_most integer not null);
create table public.requests (
    id uuid primary key default gen_random_uuid(), who uuid not null references auth.users,
    made_at timestamptz not null default clock_timestamp()
);
create table public.chores (
    id integer primary key, state text not null check (state in ('waiting', 'running')),
    worker uuid references auth.users
);
create table public.polls (id integer primary key, votes integer not null default 0);
create table public.ballots (
    id integer generated always as identity primary key, poll integer not null references public.polls
);
create table public.posts (id integer primary key, likes integer not null default 0);
create table public.likes (
    post integer not null references public.posts, who uuid not null references auth.users,
    primary key (post, who)
);
alter table public.coupons enable row level security;
alter table public.redemptions enable row level security;
alter table public.quotas enable row level security;
alter table public.requests enable row level security;
alter table public.chores enable row level security;
alter table public.polls enable row level security;
alter table public.ballots enable row level security;
alter table public.posts enable row level security;
alter table public.likes enable row level security;
create policy "one's likes" on public.likes to authenticated
using (who = (select auth.uid())) with check (who = (select auth.uid()));
"""

REDEEM = """
create function public.redeem(wanted text) returns void
language plpgsql security definer set search_path = '' as $$
begin
    if exists (select 1 from public.redemptions as r where r.coupon = wanted and r.who = auth.uid()) then
        raise exception 'redeemed already';
    end if;
    insert into public.redemptions (coupon, who) values (wanted, auth.uid());
end $$;
"""
ONE_EACH = "create unique index one_each on public.redemptions (coupon, who);"

ASK = """
create function public.ask() returns uuid
language plpgsql security definer set search_path = '' as $$
declare
    most integer;
    made uuid;
begin
    select q.open_most into most from public.quotas as q where q.id = auth.uid(){};
    if most is null or (select count(*) from public.requests as r where r.who = auth.uid()) >= most then
        raise exception 'too many';
    end if;
    insert into public.requests (who) values (auth.uid()) returning id into made;
    return made;
end $$;
"""

CLAIM = """
create function public.claim() returns integer
language plpgsql security definer set search_path = '' as $$
declare
    found_one integer;
begin
    select c.id into found_one from public.chores as c where c.state = 'waiting' order by c.id limit 1{};
    update public.chores set state = 'running', worker = auth.uid() where id = found_one;
    return found_one;
end $$;
"""

VOTE = """
create function public.vote(wanted integer) returns void
language sql security definer set search_path = '' as $$
    insert into public.ballots (poll) values (wanted);
    update public.polls set votes = {} where id = wanted
$$;
"""
COUNTED = "(select count(*) from public.ballots as b where b.poll = wanted)"

COUNT_LIKES = """
create function public.count_likes() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
    {}
    return null;
end $$;
create trigger count_likes after insert on public.likes
for each row execute function public.count_likes();
"""
READ_THEN_WRITE = """
    declare
        n integer;
    begin
        select p.likes into n from public.posts as p where p.id = new.post;
        update public.posts set likes = n + 1 where id = new.post;
    end;
"""
ONE_UPDATE = "update public.posts set likes = likes + 1 where id = new.post;"

BROKEN = TABLES + "".join(
    (REDEEM, ASK.format(""), CLAIM.format(""), VOTE.format(COUNTED), COUNT_LIKES.format(READ_THEN_WRITE))
)
MENDED = TABLES + "".join(
    (
        REDEEM + ONE_EACH,
        ASK.format(" for update"),
        CLAIM.format(" for update skip locked"),
        VOTE.format("votes + 1"),
        COUNT_LIKES.format(ONE_UPDATE),
    )
)


def test_each_race_is_found_with_its_kind_and_a_repair(audited: Audited) -> None:
    found = audited(BROKEN)
    assert sorted(told(found, "races")) == [
        ("public.ask()", "high", ("execute",)),
        ("public.claim()", "high", ("execute",)),
        ("public.likes", "high", ("insert",)),
        ("public.redeem(text)", "high", ("execute",)),
        ("public.vote(integer)", "high", ("execute",)),
    ]
    findings = {finding.object: finding for finding in of_rule(found, "races")}
    kinds = {name: f.sentence.rpartition("(")[2].rstrip(").") for name, f in findings.items()}
    assert kinds == {
        "public.ask()": "phantom",
        "public.claim()": "lost update",
        "public.likes": "lost update",
        "public.redeem(text)": "phantom",
        "public.vote(integer)": "lost update",
    }
    assert {name: str(f.repair) for name, f in findings.items()} == {
        "public.ask()": "for update on what public.ask() reads",
        "public.claim()": "for update on what public.claim() reads",
        "public.likes": "for no key update on what public.count_likes() reads",
        "public.redeem(text)": "create unique index on public.redemptions (coupon, who)",
        "public.vote(integer)": "an advisory lock at the beginning of public.vote(integer)",
    }
    assert found.untried == ()


def test_mended_ones_show_nothing(audited: Audited) -> None:
    found = audited(MENDED)
    assert told(found, "races") == []
    assert found.untried == ()


MORE_TABLES = """
create table public.jobs (
    id bigint generated always as identity primary key, state text not null default 'queued', worker text,
    made_at timestamptz not null default now()
);
create table public.events (id uuid primary key default gen_random_uuid(), seats integer not null);
create table public.bookings (
    id uuid primary key default gen_random_uuid(), event uuid not null references public.events,
    guest uuid not null references auth.users
);
create table public.vouchers (
    id integer primary key, used integer not null default 0, most integer not null, until timestamptz
);
create table public.vouched (
    id integer generated always as identity primary key, voucher integer not null references public.vouchers,
    who uuid not null default auth.uid() references auth.users
);
alter table public.jobs enable row level security;
alter table public.events enable row level security;
alter table public.bookings enable row level security;
alter table public.vouchers enable row level security;
alter table public.vouched enable row level security;
create policy "one's bookings" on public.bookings to authenticated
using (guest = (select auth.uid())) with check (guest = (select auth.uid()));
"""

NEXT_JOB = """
create function public.next_job(name text) returns setof public.jobs
language sql security definer set search_path = '' as $$
    update public.jobs set state = 'running', worker = name
    where id = (select j.id from public.jobs as j where j.state = 'queued' order by j.made_at, j.id limit 1{})
    returning *
$$;
revoke execute on function public.next_job(text) from public, anon, authenticated;
grant execute on function public.next_job(text) to service_role;
"""

LIMIT_SEATS = """
create function public.limit_seats() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
    free integer;
begin
    select e.seats into free from public.events as e where e.id = new.event{};
    if free <= (select count(*) from public.bookings as b where b.event = new.event) then
        raise exception 'no seat is free' using errcode = 'PT409';
    end if;
    return new;
end $$;
create trigger limit_seats before insert on public.bookings
for each row execute function public.limit_seats();
"""

VOUCH = """
create function public.vouch(wanted integer) returns integer
language plpgsql security definer set search_path = '' as $$
declare
    v public.vouchers;
begin
    {}
    insert into public.vouched (voucher) values (wanted);
    return v.used;
end $$;
"""
CHECK_THEN_COUNT = """
    select * into v from public.vouchers as x where x.id = wanted and (x.until is null or x.until > now());
    if v.id is null or v.used >= v.most then
        raise exception 'not valid';
    end if;
    update public.vouchers set used = used + 1 where id = wanted;
"""
COUNT_IF_LEFT = """
    update public.vouchers as x set used = x.used + 1
    where x.id = wanted and x.used < x.most and (x.until is null or x.until > now()) returning * into v;
    if not found then
        raise exception 'not valid';
    end if;
"""


def test_queues_limits_of_triggers_and_vouchers_are_found(audited: Audited) -> None:
    found = audited(
        MORE_TABLES + NEXT_JOB.format("") + LIMIT_SEATS.format("") + VOUCH.format(CHECK_THEN_COUNT)
    )
    assert sorted(told(found, "races")) == [
        ("public.bookings", "medium", ("insert",)),
        ("public.next_job(text)", "medium", ("execute",)),
        ("public.vouch(integer)", "high", ("execute",)),
    ]
    assert {f.object: str(f.repair) for f in of_rule(found, "races")} == {
        "public.bookings": "for update on what public.limit_seats() reads",
        "public.next_job(text)": "an advisory lock at the beginning of public.next_job(text)",
        "public.vouch(integer)": "for update on what public.vouch(integer) reads",
    }


def test_queues_limits_of_triggers_and_vouchers_that_are_mended_show_nothing(audited: Audited) -> None:
    locked = (NEXT_JOB.format(" for update skip locked"), LIMIT_SEATS.format(" for no key update"))
    found = audited(MORE_TABLES + "".join(locked) + VOUCH.format(COUNT_IF_LEFT))
    assert told(found, "races") == []
    assert found.untried == ()


SEATS = """
create table public.courses (id uuid primary key, seats integer not null check (seats > 0));
create table public.pupils (
    course uuid not null references public.courses, who uuid not null references auth.users,
    primary key (course, who)
);
create function public.seats_left() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
    most integer;
begin
    select c.seats into most from public.courses as c where c.id = new.course {};
    if (select count(*) from public.pupils as p where p.course = new.course) >= most then
        raise exception 'full';
    end if;
    return new;
end $$;
create trigger seats_left before insert on public.pupils for each row execute function public.seats_left();
alter table public.courses enable row level security;
alter table public.pupils enable row level security;
create policy "see" on public.courses for select to authenticated using (true);
create policy "own" on public.pupils for select to authenticated using (who = (select auth.uid()));
create policy "join" on public.pupils for insert to authenticated with check (who = (select auth.uid()));
"""


def test_two_users_take_the_last_seat_by_inserts(audited: Audited) -> None:
    assert told(audited(SEATS.format("")), "races") == [("public.pupils", "medium", ("insert",))]
    assert told(audited(SEATS.format("for update")), "races") == []


TICKETS = """
create table public.tickets (
    number text primary key, worth integer not null, cashed_by uuid references auth.users
);
create table public.purses (id uuid primary key references auth.users, held integer not null);
create policy "own" on public.purses for select to authenticated using (id = (select auth.uid()));
alter table public.tickets enable row level security;
alter table public.purses enable row level security;
create function public.cash(ticket text) returns void
language plpgsql security definer set search_path = '' as $$
declare
    gain integer;
begin
    {}
    if not found then
        raise exception 'no such ticket';
    end if;
    update public.tickets set cashed_by = auth.uid() where number = ticket;
    update public.purses set held = held + gain where id = auth.uid();
end $$;
"""
LOOK = "select t.worth into gain from public.tickets as t where t.number = ticket and t.cashed_by is null;"
TAKE = (
    "update public.tickets set cashed_by = auth.uid() where number = ticket and cashed_by is null "
    "returning worth into gain;"
)


def test_what_somebody_has_already_in_all_rows_is_left_for_the_two(audited: Audited) -> None:
    [found] = of_rule(audited(TICKETS.format(LOOK)), "races")
    assert found.object == "public.cash(text)"
    assert of_rule(audited(TICKETS.format(TAKE)), "races") == []
