"""Effects on what a persona may not write itself: another amount is as serious as a gain."""

from __future__ import annotations

import pytest

from pgassay.diff.review import review
from pgassay.errors import ExitCode
from tests.diff.diff_support import Tenants

ACCOUNTS = """
create table private.accounts (user_id uuid primary key, balance integer not null, seen timestamptz);
create table private.entries (id integer generated always as identity primary key, amount integer);
create function private.open_account() returns trigger language plpgsql security definer as $$
begin insert into private.accounts values (new.user_id, 10, null); return null; end $$;
create trigger open_account after insert on public.members
for each row execute function private.open_account();
create function private.pay() returns trigger language plpgsql security definer as $$
begin
    if new.stage <> old.stage then
        update private.accounts set balance = balance - 1 where user_id = new.owner;
        insert into private.entries (amount) values (-1);
        return new;
    end if;
    return new;
end
$$;
create trigger pay before update on public.documents for each row execute function private.pay();
"""
LEDGER = "        insert into private.entries (amount) values (-1);\n"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("balance - 1", "balance - 2", "private.accounts.balance -2"),
        ("balance - 1", "balance + 1", "private.accounts.balance +1"),
        (LEDGER, "", "(did: private.accounts.balance -1, private.entries +1)"),
        (LEDGER, LEDGER * 2, "private.entries +2"),
    ],
    ids=["larger", "the other way", "gone", "twice"],
)
def test_effect_by_another_amount_is_a_gain(tenants: Tenants, old: str, new: str, told: str) -> None:
    assert old in ACCOUNTS
    base, head = tenants.head(ACCOUNTS, name="base.sql"), tenants.head(ACCOUNTS.replace(old, new))
    found = review(tenants.server, base, head, search=0)
    gains = [one.message for one in found.difference.gained]
    assert any("UPDATE stage" in one and told in one for one in gains), gains
    assert found.exit_code is ExitCode.SCHEMA_PROBLEM


@pytest.mark.parametrize(
    "extra",
    [
        "        update private.accounts set seen = now() where user_id = new.owner;\n",
        "        new.label := upper(new.label);\n",
    ],
    ids=["when it was done", "a text of one's own row"],
)
def test_effect_that_takes_nothing_from_anybody_is_only_changed(tenants: Tenants, extra: str) -> None:
    base, head = (
        tenants.head(ACCOUNTS, name="base.sql"),
        tenants.head(ACCOUNTS.replace(LEDGER, LEDGER + extra)),
    )
    found = review(tenants.server, base, head, search=0)
    assert found.difference.gained == ()
    assert found.difference.changed
    assert found.exit_code is ExitCode.GOOD
