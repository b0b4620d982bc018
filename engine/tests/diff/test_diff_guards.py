"""Functions that decide before they write: what is tried has to get past the guards that both sides have."""

from __future__ import annotations

import pytest

from pgassay.diff.review import review
from tests.diff.diff_support import Tenants

pytestmark = pytest.mark.slow

STATEMENTS = 4000
GUARDED = """
create table public.shelves (id integer primary key, tenant text not null);
create table public.books (
    id integer primary key, shelf_id integer not null references public.shelves (id), title text
);
create table public.visits (
    reader uuid primary key, host uuid not null, at timestamptz default now()
);
alter table public.members add column code text unique;
alter table public.shelves enable row level security;
alter table public.books enable row level security;
alter table public.visits enable row level security;
create function public.retitle(shelf integer, book integer, words text) returns void
language plpgsql security definer set search_path = '' as $$
declare
    home text;
begin
    select m.tenant into home from public.members as m where m.user_id = auth.uid();
    if not exists (select from public.shelves as s where s.id = shelf and s.tenant = home) then
        raise exception 'not your shelf';
    end if;
    update public.books set title = words where id = book and shelf_id = shelf;
end $$;
create function public.visit(given text) returns void
language plpgsql security definer set search_path = '' as $$
declare
    whom uuid;
begin
    select m.user_id into whom from public.members as m where m.code = given;
    if not found or whom = auth.uid() then
        raise exception 'no such code';
    end if;
    insert into public.visits (reader, host) values (auth.uid(), whom);
end $$;
create function public.tidy(older interval) returns integer
language plpgsql security definer set search_path = '' as $$
declare
    gone integer;
begin
    if older is null or older < interval '90 days' then
        raise exception 'visits are kept' using errcode = '22023';
    end if;
    delete from public.visits where at < now() - older;
    get diagnostics gone = row_count;
    return gone;
end $$;
revoke execute on all functions in schema public from public, anon;
grant execute on all functions in schema public to authenticated;
"""
VISITED = """
insert into public.visits (reader, host) values
('a11ce000-0000-4000-8000-000000000001', 'b0b00000-0000-4000-8000-000000000002'),
('b0b00000-0000-4000-8000-000000000002', 'a11ce000-0000-4000-8000-000000000001');
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (" and shelf_id = shelf", "", "EXECUTE public.retitle(integer, integer, text) to write more"),
        (" or whom = auth.uid()", "", "EXECUTE public.visit(text) to write more (was: refused, P0001)"),
        ("'90 days'", "'2 days'", "EXECUTE public.tidy(interval) "),
    ],
    ids=["past a guard", "a variable of a guard", "rows that go"],
)
def test_write_behind_a_guard(tenants: Tenants, old: str, new: str, said: str) -> None:
    assert old in GUARDED
    base = tenants.head(GUARDED + VISITED, name="base.sql")
    head = tenants.head(GUARDED.replace(old, new) + VISITED)
    [gain] = review(tenants.server, base, head, search=STATEMENTS).difference.gained
    assert said in gain.message
    assert review(tenants.server, head, base, search=STATEMENTS).difference.gained == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("if not found or whom = auth.uid() then", "if whom is null or auth.uid() = whom then"),
        (
            "if not exists (select from public.shelves as s where s.id = shelf and s.tenant = home) then",
            "perform from public.shelves as s where s.tenant = home and s.id = shelf;\n    if not found then",
        ),
        ("'90 days'", "'120 days'"),
    ],
    ids=["spelling", "another way to ask", "narrower"],
)
def test_guard_in_other_words_is_no_gain(tenants: Tenants, old: str, new: str) -> None:
    assert old in GUARDED
    base = tenants.head(GUARDED, name="base.sql")
    found = review(tenants.server, base, tenants.head(GUARDED.replace(old, new)), search=STATEMENTS)
    assert found.difference.gained == ()
    assert found.conditions > 0
