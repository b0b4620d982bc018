"""What only the backend does otherwise: twice, without a token, with nothing left, with secrets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgassay.config import PersonaConfig
from pgassay.diff.outcome import Review
from pgassay.diff.review import SEARCH_STATEMENTS, review
from tests.diff.diff_support import Tenants

pytestmark = pytest.mark.slow

GIVING = """
create table public.wallets (id uuid primary key, credits integer not null default 0);
insert into public.wallets (id) values ('a11ce000-0000-4000-8000-000000000001');
create table private.gifts (wallet_id uuid not null, key text not null);
create function public.give(wallet_id uuid, amount integer, key text) returns integer language plpgsql
security definer as $$
begin
    if exists (select from private.gifts as g where g.key = give.key) then return 0; end if;
    insert into private.gifts values (give.wallet_id, give.key);
    update public.wallets as w set credits = w.credits + give.amount where w.id = give.wallet_id;
    return give.amount;
end $$;
revoke all on public.wallets from anon, authenticated, service_role;
revoke all on function public.give(uuid, integer, text) from public, anon, authenticated;
grant execute on function public.give(uuid, integer, text) to service_role;
"""
ONCE = "    if exists (select from private.gifts as g where g.key = give.key) then return 0; end if;\n"
BEATING = """
create table public.tasks (
    id uuid primary key, state text not null, token uuid not null default gen_random_uuid(), progress integer
);
insert into public.tasks (id, state) values ('a11ce000-0000-4000-8000-000000000001', 'at work');
create type public.stage_of_task as enum ('waiting', 'begun');
create function public.beat(
    task_id uuid, token uuid, progress integer, stage public.stage_of_task default null
) returns boolean language plpgsql security definer as $$
begin
    if stage = 'waiting' then raise exception 'it has begun'; end if;
    update public.tasks as t set progress = beat.progress
    where t.id = beat.task_id and (t.token = beat.token);
    return found;
end $$;
revoke all on public.tasks from anon, authenticated, service_role;
grant select on public.tasks to service_role;
revoke all on function public.beat(uuid, uuid, integer, public.stage_of_task)
from public, anon, authenticated;
grant execute on function public.beat(uuid, uuid, integer, public.stage_of_task) to service_role;
"""
OWING = """
create table private.accounts (user_id uuid primary key, balance integer not null default 10);
insert into private.accounts (user_id) values
('a11ce000-0000-4000-8000-000000000001'), ('b0b00000-0000-4000-8000-000000000002');
create table private.debts (user_id uuid not null references public.members, credits integer not null);
create function private.charge() returns trigger language plpgsql security definer as $$
declare missing integer;
begin
    select greatest(5 - a.balance, 0) into missing from private.accounts as a where a.user_id = new.owner;
    update private.accounts set balance = balance - 5 + missing where user_id = new.owner;
    insert into private.debts select new.owner, missing where missing > 0;
    return null;
end $$;
create trigger charge after update of stage on public.documents
for each row execute function private.charge();
"""
SELLING = """
create table public.sales (
    id integer primary key, provider text not null, number text, buyer uuid not null,
    constraint number_once unique (provider, number)
);
insert into public.sales values
(1, 'a', 'n1', 'a11ce000-0000-4000-8000-000000000001'),
(2, 'b', 'n2', 'b0b00000-0000-4000-8000-000000000002');
revoke all on public.sales from anon, authenticated, service_role;
grant select, insert, update on public.sales to service_role;
"""
MATCHING = """
create table public.packs (
    id uuid primary key default gen_random_uuid(), name text not null unique, credits integer not null,
    price integer not null
);
insert into public.packs (name, credits, price) values ('small', 10, 99);
create table public.carts (
    id integer primary key, pack uuid not null references public.packs, credits integer not null,
    price integer not null
);
insert into public.carts select 1, p.id, 10, 99 from public.packs as p;
create function private.match() returns trigger language plpgsql security definer as $$
begin
    if not exists (
        select from public.packs as p
        where p.id = new.pack and p.price = new.price and p.credits = new.credits
    ) then
        raise exception 'no such pack' using errcode = 'PT409';
    end if;
    return new;
end $$;
create trigger match before insert on public.carts for each row execute function private.match();
revoke all on public.carts, public.packs from anon, authenticated, service_role;
grant insert, select on public.carts to service_role;
"""
REDACTING = """
create table public.events (id integer generated always as identity primary key, headers jsonb not null);
insert into public.events (headers) values ('{}');
create function private.redact() returns trigger language plpgsql as $$
begin
    select coalesce(jsonb_object_agg(
        h.key, case when h.key ~ '(cookie|token)' then '"redacted"' else h.value end
    ), '{}')
    into new.headers from jsonb_each(new.headers) as h;
    return new;
end $$;
create trigger redact before insert on public.events for each row execute function private.redact();
revoke all on public.events from anon, authenticated, service_role;
grant select, insert on public.events to service_role;
"""


def compare(tenants: Tenants, before: str, after: str) -> Review:
    personas = {**tenants.config.personas, "service": PersonaConfig(role="service_role")}
    sides = tenants.head(before, name="base.sql"), tenants.head(after)
    base, head = (replace(one, config=replace(one.config, personas=personas)) for one in sides)
    return review(tenants.server, base, head, search=SEARCH_STATEMENTS)


@pytest.mark.parametrize(
    ("before", "old", "new", "told"),
    [
        (GIVING, ONCE, "", "service can now EXECUTE public.give(uuid, integer, text) to write more"),
        (
            BEATING,
            "t.token = beat.token",
            "t.token = beat.token or beat.token is null",
            "service can now EXECUTE public.beat(uuid, uuid, integer, public.stage_of_task) to write more",
        ),
        (OWING, "where missing > 0", "where missing > 1000", "with other effects on private.debts"),
        (
            SELLING,
            "unique (provider, number)",
            "unique (provider, number, buyer)",
            "number, provider of 1 of the rows of public.sales (was: refused, 23505)",
        ),
        (
            MATCHING,
            "p.credits = new.credits",
            "p.credits >= 0",
            "INSERT 1 of the rows of public.carts (was: refused, PT409)",
        ),
        (
            REDACTING,
            "(cookie|token)",
            "(token)",
            "INSERT 1 of the rows of public.events for good (was: put back by a trigger)",
        ),
    ],
    ids=["twice", "no token", "nothing left", "number twice", "number alone", "secret"],
)
def test_what_only_the_backend_does_is_weighed_too(
    tenants: Tenants, before: str, old: str, new: str, told: str
) -> None:
    assert old in before
    [gain] = compare(tenants, before, before.replace(old, new)).difference.gained
    assert told in gain.message
    back = compare(tenants, before.replace(old, new), before).difference.gained
    # A debt that is new is as serious as one that is gone.
    assert [gain.message for gain in back if before != OWING] == []


@pytest.mark.parametrize(
    ("before", "old", "new"),
    [
        (GIVING, "exists (select from private.gifts as g where g.key = give.key)",
         "(select count(*) from private.gifts as g where g.key = give.key) > 0"),
        (BEATING, "default gen_random_uuid()", "default md5(random()::text)::uuid"),
        (REDACTING, "(cookie|token)", "(token|set-cookie|cookie)"),
    ],
    ids=["twice", "random", "secret"],
)  # fmt: skip
def test_what_is_only_written_otherwise_gains_nothing(
    tenants: Tenants, before: str, old: str, new: str
) -> None:
    assert old in before
    assert compare(tenants, before, before.replace(old, new)).difference.gained == ()
