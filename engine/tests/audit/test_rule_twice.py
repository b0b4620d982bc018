"""Calls that are good for more than one time."""

from __future__ import annotations

from tests.audit.audit_support import Audited, told

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
