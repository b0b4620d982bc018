"""Effects of functions on tables that the platform's grants would let users write, and no policy does."""

from __future__ import annotations

import pytest

from pgassay.diff.review import review
from tests.diff.diff_support import Tenants

pytestmark = pytest.mark.slow

STATEMENTS = 4000
USERS = """
insert into auth.users (id, email) values
('a11ce000-0000-4000-8000-000000000001', 'a@example.com'),
('b0b00000-0000-4000-8000-000000000002', 'b@example.com');
"""
CODES = f"""{USERS}
create table public.codes (code text primary key, club integer not null, used_at timestamptz);
create table public.seats (club integer, who uuid references auth.users (id), primary key (club, who));
grant all on public.codes, public.seats to anon, authenticated;
alter table public.codes enable row level security;
alter table public.seats enable row level security;
create function public.enter(given text) returns void language sql security definer as $$
    with c as (update public.codes set used_at = now() where code = given{{}} returning club)
    insert into public.seats select c.club, auth.uid() from c on conflict do nothing
$$;
"""
TILLS = f"""{USERS}
create table public.tills (who uuid primary key references auth.users (id), pence integer not null);
grant all on public.tills to anon, authenticated;
alter table public.tills enable row level security;
insert into public.tills values
('a11ce000-0000-4000-8000-000000000001', 100), ('b0b00000-0000-4000-8000-000000000002', 20);
create function public.send(taker uuid, amount integer) returns void language plpgsql security definer as $$
declare theirs integer;
begin
    select t.pence into theirs from public.tills as t where t.who = taker;
    update public.tills set pence = pence - amount where who = auth.uid() and amount > 0;
    update public.tills set pence = {{}} + amount where who = taker and amount > 0;
end $$;
"""


@pytest.mark.parametrize(
    ("base", "head", "name"),
    [
        (CODES.format(" and used_at is null"), CODES.format(""), "public.enter"),
        (TILLS.format("pence"), TILLS.format("theirs"), "public.send"),
    ],
    ids=["used code", "to oneself"],
)
def test_call_that_leaves_more_gains_and_one_that_leaves_less_does_not(
    tenants: Tenants, base: str, head: str, name: str
) -> None:
    sides = tenants.head(base, name="base.sql"), tenants.head(head)
    found = review(tenants.server, *sides, search=STATEMENTS)
    assert any(name in one.message for one in found.difference.gained)
    back = review(tenants.server, *reversed(sides), search=STATEMENTS)
    assert [one.message for one in back.difference.gained] == []


MOVED = """
create schema {0};
create table {0}.left_over (id integer generated always as identity primary key, who uuid);
create function public.leave() returns void language sql security definer as $$
    insert into {0}.left_over (who) values (auth.uid())
$$;
"""


def test_call_whose_table_is_called_otherwise_gains_nothing(tenants: Tenants) -> None:
    """It went through in BASE, too: what is not there is only where one looks afterwards."""
    sides = tenants.head(MOVED.format("inner_room"), name="base.sql"), tenants.head(MOVED.format("back_room"))
    found = review(tenants.server, *sides, search=STATEMENTS)
    assert [one.message for one in found.difference.gained] == []
