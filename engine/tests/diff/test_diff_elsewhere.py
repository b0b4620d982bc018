"""What a write leaves in other tables and tells of others, where only words or rows that are made show it."""

from __future__ import annotations

import pytest

from pgassay.diff.review import SEARCH_STATEMENTS, review
from tests.diff.diff_support import Tenants

pytestmark = pytest.mark.slow

_ELSEWHERE = "other effects on private.accounts"
PAYING = """
create table private.accounts (user_id uuid primary key, balance integer not null default 10, seen boolean,
    closed boolean not null default false);
insert into private.accounts (user_id) values
('a11ce000-0000-4000-8000-000000000001'), ('b0b00000-0000-4000-8000-000000000002');
create table private.debts (
    user_id uuid not null references public.members,
    kind text not null check (kind in ('a', 'b', 'late', 'owed'))
);
create function private.charge() returns trigger language plpgsql security definer as $$
begin
    update private.accounts set seen = seen where user_id = new.owner;
    if (select count(*) from public.documents as d where d.owner = new.owner) > 20 then
        raise exception 'too many documents';
    end if;
    if exists (select from private.accounts as a where a.user_id = new.owner and a.closed) then
        raise exception 'the account is closed';
    end if;
    if new.label = 'a gift that cannot be' then
        update private.accounts set balance = balance + 1 where user_id = new.owner;
    end if;
    if new.stage = 'PUBLISHED' and old.stage <> 'PUBLISHED' then
        update private.accounts set balance = balance - new.pages where user_id = new.owner;
        if exists (select from private.debts where user_id = new.owner and kind = 'owed') then
            update private.accounts set balance = balance - 5 where user_id = new.owner;
        end if;
    end if;
    return null;
end $$;
create trigger charge after update on public.documents for each row execute function private.charge();
"""
TELLING = """
alter table public.documents add column note text;
create function private.hint() returns trigger language plpgsql security definer as $$
declare found_it text;
begin
    select d.label into found_it from public.documents as d where d.owner = new.owner limit 1;
    raise notice 'like %', found_it;
    return new;
end $$;
create trigger hint before update on public.documents for each row execute function private.hint();
"""


@pytest.mark.parametrize(
    ("old", "new", "told", "given"),
    [
        (
            "<> 'PUBLISHED' then",
            "<> 'PUBLISHED' and new.label not like 'free %' then",
            _ELSEWHERE,
            "label, stage",
        ),
        ("kind = 'owed'", "kind = 'never'", _ELSEWHERE, "kind = 'owed'"),
        ("balance - new.pages", "balance - (new.pages + 1) / 2", _ELSEWHERE, "pages = 3 in rows"),
        (
            "new.label = 'a gift that cannot be'",
            "new.label like 'gift-%' and length(new.label) = 9",
            _ELSEWHERE,
            "",
        ),
        ("> 20", "> 200", "refused, P0001", "20 rows of public.documents like that"),
        ("a.closed", "false", "refused, P0001", "closed = 'true'"),
    ],
    ids=["word", "debt", "half", "condition", "limit", "state"],
)
def test_effect_that_only_some_words_or_rows_show(
    tenants: Tenants, old: str, new: str, told: str, given: str
) -> None:
    assert old in PAYING
    sides = tenants.head(PAYING, name="base.sql"), tenants.head(PAYING.replace(old, new))
    [gain] = review(tenants.server, *sides, search=SEARCH_STATEMENTS).difference.gained
    assert told in gain.message
    assert given in gain.message


def test_write_that_changed_nothing_is_missed_by_nobody(tenants: Tenants) -> None:
    head = PAYING.replace("    update private.accounts set seen = seen where user_id = new.owner;\n", "")
    sides = tenants.head(PAYING, name="base.sql"), tenants.head(head)
    found = review(tenants.server, *sides, search=SEARCH_STATEMENTS)
    assert found.difference.gained == ()
    assert found.tried > 0


def test_what_others_have_like_oneself_is_told_all_the_same(tenants: Tenants) -> None:
    """All have the same text, so that only another one tells whose it is."""
    alike = TELLING.replace("add column note text", "add column note text not null default 'like all notes'")
    told = alike.replace("select d.label", "select d.note").replace(
        "d.owner = new.owner", "d.owner <> new.owner"
    )
    sides = tenants.head(alike, name="base.sql"), tenants.head(told)
    [gain] = review(tenants.server, *sides, search=SEARCH_STATEMENTS).difference.gained
    assert " is told of others: like canary " in gain.message


@pytest.mark.parametrize("reads", [False, True], ids=["secret", "read by all anyway"])
def test_what_others_have_not_filled_in_is_told_all_the_same(tenants: Tenants, *, reads: bool) -> None:
    told = TELLING.replace("select d.label", "select d.note").replace(
        "d.owner = new.owner", "d.owner <> new.owner"
    )
    opened = 'alter policy "owners see" on public.documents using (id > 0);\n' if reads else ""
    sides = tenants.head(TELLING + opened, name="base.sql"), tenants.head(told + opened)
    found = review(tenants.server, *sides, search=SEARCH_STATEMENTS).difference.gained
    assert [" is told of others: like canary " in one.message for one in found] == ([] if reads else [True])
