"""Accounts: who signs up with whatever metadata, gets a new address, or goes."""

from __future__ import annotations

import pytest

from pgassay.diff.review import review
from pgassay.errors import ExitCode
from tests.diff.diff_support import ALICE, Tenants

pytestmark = pytest.mark.slow

PROFILES = """
create domain private.tier as text check (value in ('free', 'paid'));
create table public.profiles (
    id uuid primary key, name text, credits integer not null default 5,
    is_staff boolean not null default false, closed_at timestamptz,
    tier text default 'free' check (tier in ('free', 'paid'))
);
create table public.orders (id integer primary key, buyer uuid references public.profiles (id));
insert into auth.users (id, email) values ('a11ce000-0000-4000-8000-000000000001', 'a@example.com');
insert into public.profiles (id, closed_at) values ('a11ce000-0000-4000-8000-000000000001', now());
insert into public.orders values (1, 'a11ce000-0000-4000-8000-000000000001');
revoke all on public.profiles, public.orders from anon, authenticated;
grant select, update (name) on public.profiles to authenticated;
create function private.welcome() returns trigger language plpgsql security definer as $$
begin
    insert into public.profiles (id, name) values (new.id, new.raw_user_meta_data ->> 'name');
    return null;
end
$$;
create trigger welcome after insert on auth.users for each row execute function private.welcome();
create function private.follow() returns trigger language plpgsql security definer as $$
begin
    update public.profiles set name = new.email where id = new.id;
    return null;
end
$$;
create trigger follow after update on auth.users for each row execute function private.follow();
"""
INDEX = "create index on public.orders (buyer);"
INSERT = "(id, name) values (new.id, new.raw_user_meta_data ->> 'name')"
COLUMN = "insert into public.profiles (id, {}) values (new.id, {})"
KEY = "buyer uuid references public.profiles (id)"
USER_KEY = "alter table public.profiles add foreign key (id) references auth.users (id) on delete cascade;"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            INSERT,
            "(id, credits) values (new.id, coalesce((new.raw_user_meta_data ->> 'credits')::integer, 5))",
            'with the metadata {"credits": 1000007} now makes public.profiles.credits as the metadata say',
        ),
        (
            INSERT,
            "(id, is_staff) values (new.id, coalesce((new.raw_user_meta_data -> 'app' ->> 'staff') "
            "= 'true', false))",
            'with the metadata {"app": {"staff": true}} now makes public.profiles.is_staff',
        ),
        (
            INSERT,
            "select (jsonb_populate_record(null::public.profiles, "
            "new.raw_user_meta_data || jsonb_build_object('id', new.id, 'credits', 0))).*",
            'with the metadata {"is_staff": true} now makes public.profiles.credits 0, public.profiles.',
        ),
        (
            INSERT,
            "(id, tier) values (new.id, coalesce(new.raw_user_meta_data -> 'plan' ->> 'tier', 'free'))",
            'with the metadata {"plan": {"tier": "paid"}} now makes public.profiles.tier as the metadata say',
        ),
        (
            INSERT,
            "(id, credits) values (new.id, 50)",
            "Whoever signs up now makes public.profiles.credits 50",
        ),
        (
            "set name = new.email",
            "set name = new.email, closed_at = null",
            "A new e-mail address of alice now makes public.profiles.closed_at null (was: nothing of it).",
        ),
        (
            "where id = new.id;",
            "where id = new.id; if new.deleted_at is not null and new.deleted_at = old.deleted_at then "
            "update public.profiles set closed_at = null where id = new.id; end if;",
            "A new e-mail address of alice, whose account was deleted softly, now makes "
            "public.profiles.closed_at null",
        ),
        (
            KEY,
            KEY + " on delete cascade); " + USER_KEY + "create table private.x (id integer",
            "Deleting the account of alice now makes 1 rows that go of public.orders, 1 rows that go of",
        ),
    ],
    ids=[
        "number",
        "flag below a key",
        "whole row",
        "word of a list",
        "more for everybody",
        "reopened",
        "comes back",
        "taken along",
    ],
)
def test_account_gets_what_its_user_may_not_write(tenants: Tenants, old: str, new: str, told: str) -> None:
    assert old in PROFILES
    head = PROFILES.replace(old, new)
    if "cascade" in new:  # the table that the key is to must be there
        head = head.replace(USER_KEY, "") + USER_KEY
    found = review(tenants.server, tenants.head(PROFILES, name="base.sql"), tenants.head(head), search=0)
    gains = [one.message for one in found.difference.gained]
    assert any(told in one for one in gains), gains
    assert found.exit_code is ExitCode.SCHEMA_PROBLEM


@pytest.mark.parametrize(("verb", "gains"), [("select", 1), ("all", 0)])
def test_what_no_policy_lets_users_write_is_not_theirs(tenants: Tenants, verb: str, gains: int) -> None:
    """Though the platform grants it to them, as it does with every table."""
    rights = "grant all on public.profiles to authenticated;"
    rights += "alter table public.profiles enable row level security;"
    policy = f'create policy "own" on public.profiles for {verb} to authenticated using (id = auth.uid());'
    base = f"{PROFILES}{rights}{policy}"
    head = base.replace(
        INSERT, "(id, credits) values (new.id, (new.raw_user_meta_data ->> 'credits')::integer)"
    )
    found = review(tenants.server, tenants.head(base, name="base.sql"), tenants.head(head), search=0)
    told = [one for one in found.difference.gained if "public.profiles.credits" in one.message]
    assert len(told) >= gains
    assert bool(told) is bool(gains)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("'name')", "'full_name')"),
        ("new.raw_user_meta_data ->> 'name'", "left(new.raw_user_meta_data ->> 'name', 50)"),
        ("set name = new.email", "set name = lower(new.email)"),
        (
            "tier text default 'free' check (tier in ('free', 'paid'))\n);",
            "tier private.tier default 'free'\n);",
        ),
    ],
    ids=["another key", "shorter", "lower", "list in a domain"],
)
def test_account_gets_what_its_user_may_write_anyway(tenants: Tenants, old: str, new: str) -> None:
    assert old in PROFILES
    base, head = tenants.head(PROFILES, name="base.sql"), tenants.head(PROFILES.replace(old, new))
    found = review(tenants.server, base, head, search=0)
    assert found.difference.schema
    assert [one.message for one in found.difference.gained] == []


CLOSING = """
alter table public.profiles add column about text;
update public.profiles set about = 'who I am';
insert into public.profiles (id) values ('b0b00000-0000-4000-8000-000000000002');
create function private.close() returns trigger language plpgsql security definer as $$
begin
    update public.profiles set name = null, about = null, closed_at = now() where true;
    return null;
end
$$;
create trigger close after delete on auth.users for each row execute function private.close();
"""


def test_what_is_not_erased_any_more_stays_for_whoever_reads_it(tenants: Tenants) -> None:
    """Another row is empty anyway."""
    before = PROFILES + CLOSING
    after = before.replace("about = null, closed_at", "closed_at")
    sides = tenants.head(before, name="base.sql"), tenants.head(after)
    [gain] = review(tenants.server, *sides, search=0).difference.gained
    told = "Deleting the account of alice now makes public.profiles.about as before in some rows"
    assert gain.message.startswith(told)
    sides = tenants.head(after, name="base.sql"), tenants.head(before)
    assert review(tenants.server, *sides, search=0).difference.gained == ()


@pytest.mark.parametrize("own", [False, True], ids=["the backend's", "his own"])
def test_event_that_takes_back_a_state_that_nobody_is_in(tenants: Tenants, *, own: bool) -> None:
    """All are active in the world: only who was not would be by it."""
    base = PROFILES + "alter table public.profiles add column active boolean not null default true;"
    base += "grant update (active) on public.profiles to authenticated;" if own else ""
    head = base.replace("set name = new.email", "set name = new.email, active = true")
    assert base != head
    found = review(tenants.server, tenants.head(base, name="base.sql"), tenants.head(head), search=0)
    told = "given active = 'false' in the user's row of public.profiles, now makes nothing of it (was: "
    assert [told in one.message for one in found.difference.gained] == ([] if own else [True])


def test_metadata_that_decide_no_more_are_no_gain(tenants: Tenants) -> None:
    believed = "(id, credits) values (new.id, coalesce((new.raw_user_meta_data ->> 'credits')::integer, 5))"
    base, head = tenants.head(PROFILES.replace(INSERT, believed), name="base.sql"), tenants.head(PROFILES)
    assert [one.message for one in review(tenants.server, base, head, search=0).difference.gained] == []


def test_what_an_event_leaves_as_it_leaves_it_in_base_is_no_gain(tenants: Tenants) -> None:
    """Only HEAD's row has something to empty."""
    head = PROFILES.replace("set name = new.email", "set name = new.email, closed_at = null")
    base = head.replace("'a11ce000-0000-4000-8000-000000000001', now())", f"'{ALICE}', null)")
    assert base != head
    found = review(tenants.server, tenants.head(base, name="base.sql"), tenants.head(head + INDEX), search=0)
    assert [one.message for one in found.difference.gained] == []


def test_table_with_another_name_is_no_gain(tenants: Tenants) -> None:
    """Of a trigger that follows accounts, and of one that follows a persona's own write."""
    text = (
        PROFILES
        + """
create table private.log (id integer generated always as identity primary key, who uuid);
create function private.note() returns trigger language plpgsql security definer as $$
begin insert into private.log (who) values (auth.uid()); return null; end $$;
create trigger note after update on auth.users for each row execute function private.note();
create trigger note after update on public.documents for each row execute function private.note();
"""
    )
    base, head = (
        tenants.head(text, name="base.sql"),
        tenants.head(text.replace("private.log", "private.entries")),
    )
    found = review(tenants.server, base, head, search=0)
    assert [one.message for one in found.difference.gained] == []
    assert "relation private.entries" in found.difference.added
