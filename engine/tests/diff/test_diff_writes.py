"""Writes that leave more than they did: what a default pays, what an index no longer refuses."""

from __future__ import annotations

import pytest

from pgassay.diff.review import SEARCH_STATEMENTS, review
from tests.diff.diff_support import ALICE, BOB, Tenants

pytestmark = pytest.mark.slow

WALLETS = f"""
create table public.wallets (owner uuid primary key, credits integer not null default {{}});
insert into public.wallets values ('{BOB}', 5);
alter table public.wallets enable row level security;
create policy "own" on public.wallets to authenticated using (owner = auth.uid());
revoke all on public.wallets from anon, authenticated;
grant select, insert (owner) on public.wallets to authenticated;
"""
VOTES = f"""
create table public.votes (poll integer not null, owner uuid not null, choice text);
create {{}} index votes_once on public.votes (poll, owner);
insert into public.votes values (1, '{BOB}', 'yes');
alter table public.votes enable row level security;
create policy "own" on public.votes to authenticated using (owner = auth.uid());
revoke all on public.votes from anon, authenticated;
grant select, insert on public.votes to authenticated;
"""


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (WALLETS.format(0), WALLETS.format(25), "can now INSERT public.wallets with other effects"),
        (VOTES.format("unique"), VOTES.format(""), "can now INSERT 2 of the rows of public.votes"),
    ],
    ids=["default", "index"],
)
def test_write_that_leaves_more_is_a_gain(tenants: Tenants, before: str, after: str, message: str) -> None:
    sides = tenants.head(before, name="base.sql"), tenants.head(after)
    found = review(tenants.server, *sides, search=SEARCH_STATEMENTS)
    gains = [one.message for one in found.difference.gained]
    assert any(message in one for one in gains), (gains, found.fault, found.tried)


def test_default_of_what_one_may_write_oneself_is_no_gain(tenants: Tenants) -> None:
    """Nor is an index that never refused anything."""
    own = WALLETS.replace("insert (owner)", "insert")
    sides = tenants.head(own.format(0), name="base.sql"), tenants.head(own.format(25) + VOTES.format(""))
    found = review(tenants.server, *sides, search=SEARCH_STATEMENTS).difference.gained
    assert not any("wallets" in one.message for one in found)


def test_write_that_finds_nothing_is_none_whatever_is_there(tenants: Tenants) -> None:
    log = f"""
create table public.logins (id integer primary key, owner uuid not null);
insert into public.logins values (1, '{ALICE}'), (2, '{BOB}');
alter table public.logins enable row level security;
create policy "own" on public.logins for {{}} to authenticated using (owner = auth.uid());
"""
    sides = tenants.head(log.format("all"), name="base.sql"), tenants.head(log.format("select"))
    found = review(tenants.server, *sides, search=SEARCH_STATEMENTS)
    assert [one.message for one in found.difference.gained] == []
    assert found.tried > 0


def test_write_that_reaches_fewer_rows_is_none(tenants: Tenants) -> None:
    docs = f"""
create table public.papers (id integer primary key, owner uuid, pages integer not null default 1);
insert into public.papers values (1, '{ALICE}'), (2, '{BOB}'), (3, null);
alter table public.papers enable row level security;
create policy "own" on public.papers to authenticated using ({{}}) with check (owner = auth.uid());
revoke update on public.papers from authenticated;
grant update (owner) on public.papers to authenticated;
"""
    own = "owner = auth.uid()"
    sides = (
        tenants.head(docs.format(f"{own} or owner is null"), name="base.sql"),
        tenants.head(docs.format(own)),
    )
    found = review(tenants.server, *sides, search=SEARCH_STATEMENTS)
    assert [one.message for one in found.difference.gained] == []
