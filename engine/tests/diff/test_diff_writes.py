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


@pytest.mark.parametrize(
    ("index", "opened", "is_gain"),
    [
        ("lower(label)", "", True),
        ("label", "", True),
        ("owner, label", "", False),
        ("label", 'alter policy "owners see" on public.documents using (true);', False),
    ],
    ids=["expression", "column", "of each user", "read by all anyway"],
)
def test_new_index_says_whether_somebody_has_a_value(
    tenants: Tenants, index: str, opened: str, *, is_gain: bool
) -> None:
    named = "create function private.name() returns trigger language plpgsql as $$\n"
    named += "begin new.label := 'the label ' || new.label; return new; end $$;\n"
    named += (
        "create trigger name before insert on public.documents for each row execute function private.name();"
    )
    base = f"{named}\n{opened}\n"
    head = f"{base}create unique index labels_once on public.documents ({index});"
    found = review(
        tenants.server, tenants.head(base, name="base.sql"), tenants.head(head), search=SEARCH_STATEMENTS
    )
    assert found.fault is None
    gains = [one.message for one in found.difference.gained]
    assert ["is told of others: duplicate key" in one for one in gains] == ([True] if is_gain else [])


PATHS = f"""
create table public.paths (owner uuid primary key, path text not null);
insert into public.paths select id, id || '/video.mp4' from (values ('{ALICE}'::uuid), ('{BOB}')) as o (id);
alter table public.paths enable row level security;
create policy "own" on public.paths to authenticated using (owner = auth.uid());
revoke all on public.paths from anon, authenticated;
grant select, update (path) on public.paths to authenticated;
create function private.is_own(path text, owner uuid) returns boolean language plpgsql immutable as $$
begin
    return starts_with(path, owner || '/') and path ~ '{{}}';
end $$;
create function private.keep_own() returns trigger language plpgsql security definer as $$
declare
    violated constant text := case when length(new.path) > 100 then 'long'
        when not private.is_own(new.path, new.owner) then 'not own' end;
begin
    if violated is not null then
        raise exception '%', violated;
    end if;
    return new;
end $$;
create trigger keep_own before update on public.paths for each row execute function private.keep_own();
"""


def test_letter_that_only_heads_pattern_takes_is_a_gain(tenants: Tenants) -> None:
    narrow, wide = (PATHS.format(text) for text in ("^[a-z0-9/.-]+$", "^[a-z0-9/.%-]+$"))
    for before, after, number in ((narrow, wide, 1), (wide, narrow, 0)):
        sides = tenants.head(before, name="base.sql"), tenants.head(after)
        found = review(tenants.server, *sides, search=SEARCH_STATEMENTS).difference.gained
        assert len(found) == number
        assert all("UPDATE path of " in one.message for one in found)


STAYS = f"""
create table public.stays (id integer primary key, host uuid not null, guest uuid not null);
insert into public.stays values (1, '{ALICE}', '{ALICE}'), (2, '{BOB}', '{BOB}');
alter table public.stays enable row level security;
create policy "both" on public.stays to authenticated using (auth.uid() in (host, guest));
revoke all on public.stays from anon, authenticated;
grant select, update (host) on public.stays to authenticated;
create function private.host_decides() returns trigger language plpgsql as $$
begin
    if {{}}.host is distinct from auth.uid() then
        raise exception 'only the host decides';
    end if;
    return new;
end $$;
create trigger host_decides before update on public.stays
for each row execute function private.host_decides();
"""


def test_place_of_another_that_one_takes_oneself_is_a_gain(tenants: Tenants) -> None:
    sides = (STAYS.format(row) for row in ("old", "new"))
    found = review(
        tenants.server,
        tenants.head(next(sides), name="base.sql"),
        tenants.head(next(sides)),
        search=SEARCH_STATEMENTS,
    )
    [gain] = found.difference.gained
    assert "UPDATE host of 1 of the rows of public.stays (was: refused, P0001)" in gain.message
