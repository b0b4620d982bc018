"""Prices that their buyers say."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, told

pytestmark = pytest.mark.slow

SHOP = """
create table public.goods (id integer primary key, {price} integer not null);
create table public.purses (id uuid primary key references auth.users, coins integer not null default 0);
create table public.orders (
    id integer generated always as identity primary key, who uuid not null references auth.users,
    good integer not null references public.goods, amount integer not null
);
alter table public.goods enable row level security;
alter table public.purses enable row level security;
alter table public.orders enable row level security;
create policy "all" on public.goods for select using (true);
create policy "own" on public.purses for select to authenticated using (id = (select auth.uid()));
create policy "own" on public.orders for select to authenticated using (who = (select auth.uid()));
"""
ORDER = """
create policy "order" on public.orders for insert to authenticated with check (who = (select auth.uid()));
"""
CHARGE = """
create function public.charge() returns trigger language plpgsql security definer set search_path = '' as $$
begin
    {read}
    update public.purses set coins = coins - new.amount where id = new.who and coins >= new.amount;
    if not found then raise exception 'not enough'; end if;
    return new;
end $$;
create trigger charged before insert on public.orders for each row execute function public.charge();
"""
READ = "select g.price into new.amount from public.goods as g where g.id = new.good;"
FOUND = [("public.orders", "medium", ("insert",))]


def test_an_order_says_its_price_unless_a_trigger_reads_it(audited: Audited) -> None:
    shop = SHOP.format(price="price") + ORDER
    assert told(audited(shop), "priced") == FOUND
    assert told(audited(shop + CHARGE.format(read="")), "priced") == FOUND
    assert told(audited(shop + CHARGE.format(read=READ)), "priced") == []
    assert told(audited(SHOP.format(price="height") + ORDER), "priced") == []
    hidden = 'alter policy "all" on public.goods using (false);'
    assert told(audited(shop + hidden), "priced") == []  # nobody buys what he does not see


def test_the_repair_compares_with_the_price(audited: Audited) -> None:
    [finding] = audited(SHOP.format(price="price") + ORDER).findings
    assert finding.repair is not None
    assert "select p.price from public.goods" in str(finding.repair)
