"""Calls that are good for more than one time."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, told

pytestmark = pytest.mark.slow

ORDERS = """
create table public.orders (
    id integer primary key, buyer uuid not null references auth.users, cost integer not null,
    state text not null
);
create table public.entries (
    id integer generated always as identity primary key, order_id integer not null references public.orders,
    kind text not null, amount integer not null
);
alter table public.orders enable row level security;
alter table public.entries enable row level security;
create function public.pay_back(wanted integer) returns void
language sql security definer set search_path = '' as $$
    insert into public.entries (order_id, kind, amount)
    select o.id, 'back', o.cost from public.orders as o
    where o.id = wanted and o.buyer = auth.uid() and o.state = 'failed'
    on conflict do nothing
$$;
"""


def test_the_same_call_pays_twice(audited: Audited) -> None:
    assert told(audited(ORDERS), "twice") == [("public.pay_back(integer)", "medium", ("execute",))]


def test_a_unique_index_lets_it_pay_once(audited: Audited) -> None:
    index = "create unique index once on public.entries (order_id) where kind = 'back';"
    assert told(audited(ORDERS + index), "twice") == []


def test_a_call_that_leaves_another_balance_is_no_repetition(audited: Audited) -> None:
    schema = """
    create table public.purses (
        id integer primary key, holder uuid not null references auth.users, coins integer not null
    );
    create table public.treats (
        id integer generated always as identity primary key, purse integer not null references public.purses
    );
    alter table public.purses enable row level security;
    alter table public.treats enable row level security;
    create function public.snack(wanted integer) returns void
    language plpgsql security definer set search_path = '' as $$
    begin
        {}
        insert into public.treats (purse) values (wanted);
    end $$;
    """
    paid = "update public.purses as p set coins = p.coins - 1 where p.id = wanted;"
    assert told(audited(schema.format("")), "twice") == [("public.snack(integer)", "medium", ("execute",))]
    assert told(audited(schema.format(paid)), "twice") == []


COUPONS = """
create table public.purses (holder uuid primary key references auth.users, coins integer not null default 0);
create table public.coupons (code text primary key, coins integer not null);
create table public.used (
    code text references public.coupons, who uuid references auth.users, at timestamptz default now(),
    primary key (code, who)
);
alter table public.purses enable row level security;
alter table public.coupons enable row level security;
alter table public.used enable row level security;
create policy "own" on public.purses for select to authenticated using (holder = (select auth.uid()));
create function public.redeem(wanted text) returns void
language plpgsql security definer set search_path = '' as $$
begin
    insert into public.used (code, who) values (wanted, auth.uid()){};
    update public.purses as p set coins = p.coins + c.coins
    from public.coupons as c where c.code = wanted and p.holder = auth.uid();
end $$;
"""


def test_a_coupon_that_is_noted_and_paid_again(audited: Audited) -> None:
    found = audited(COUPONS.format(" on conflict (code, who) do update set at = now()"))
    assert told(found, "twice") == [("public.redeem(text)", "medium", ("execute",))]
    assert told(audited(COUPONS.format("")), "twice") == []
