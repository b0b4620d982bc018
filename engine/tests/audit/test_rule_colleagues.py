"""Users who change each other's rows."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow

STAFF = """
create table public.staff (
    id uuid primary key references auth.users, branch integer not null, job text not null
);
create function public.branch_of_caller() returns integer
language sql stable security definer set search_path = ''
as $$ select s.branch from public.staff as s where s.id = auth.uid() $$;
alter table public.staff enable row level security;
create policy "read" on public.staff for select to authenticated
using (branch = (select public.branch_of_caller()));
create policy "edit" on public.staff for update to authenticated using ({});
"""


def test_the_same_branch_is_enough(audited: Audited) -> None:
    found = audited(STAFF.format("branch = (select public.branch_of_caller())"))
    assert told(found, "colleagues") == [("public.staff", "medium", ("update",))]


def test_ones_own_row_is_no_finding(audited: Audited) -> None:
    assert told(audited(STAFF.format("id = (select auth.uid())")), "colleagues") == []


def test_columns_that_were_granted_one_by_one_are_meant_unless_something_asks_for_them(
    audited: Audited,
) -> None:
    schema = STAFF.format("branch = (select public.branch_of_caller())")
    schema += "revoke update on public.staff from anon, authenticated;"
    for columns, severity in (("job", "low"), ("job, branch", "medium")):
        found = audited(f"{schema} grant update ({columns}) on public.staff to authenticated;")
        assert told(found, "colleagues") == [("public.staff", severity, ("update",))]


LETTERS = """
create table public.letters (
    id integer generated always as identity primary key, writer uuid not null references auth.users,
    reader uuid not null references auth.users, text text not null, seen timestamptz
);
alter table public.letters enable row level security;
create policy "read" on public.letters for select to authenticated
using ((select auth.uid()) in (writer, reader));
create policy "write" on public.letters for insert to authenticated with check (writer = (select auth.uid()));
create policy "seen" on public.letters for update to authenticated using (reader = (select auth.uid()));
"""


def test_who_gets_a_letter_does_not_write_it(audited: Audited) -> None:
    [finding] = of_rule(audited(LETTERS), "colleagues")
    assert (finding.severity.word, finding.columns) == ("medium", ("text",))
    assert finding.repair is not None
    assert finding.repair.statements[1] == "grant update (id, seen) on public.letters to authenticated"
    seen = "revoke update on public.letters from anon, authenticated;"
    seen += "grant update (seen) on public.letters to authenticated;"
    assert told(audited(LETTERS + seen), "colleagues") == []


LOANS = """
create table public.loans (
    id integer primary key, lender uuid not null references auth.users,
    borrower uuid not null references auth.users, agreed text not null default 'open', remark text {more}
);
alter table public.loans enable row level security;
create policy "see" on public.loans for select to authenticated
using ((select auth.uid()) in (lender, borrower));
{rules}
"""
BOTH = """
create policy "edit" on public.loans for update to authenticated
using ((select auth.uid()) in (lender, borrower));
"""
GUARD = """
create function public.guard() returns trigger language plpgsql set search_path = '' as $$
begin
    if (new.agreed, new.lender) is distinct from (old.agreed, old.lender)
        and auth.uid() is distinct from {0}.lender then
        raise exception 'the lender says so';
    end if;
    return new;
end $$;
create trigger guard before update on public.loans for each row execute function public.guard();
"""
CHECKED = """
create policy "edit" on public.loans for update to authenticated
using ({0}) with check (lender = (select auth.uid()));
"""
REMOVED = """
create policy "remove" on public.loans for delete to authenticated using (lender = (select auth.uid()));
revoke update on public.loans from anon, authenticated;
grant update ({0}) on public.loans to authenticated;
"""
APART = ", check (lender <> borrower), unique (lender, borrower)"
ASKS = """
create policy "ask" on public.loans for insert to authenticated with check (borrower = (select auth.uid()));
"""


@pytest.mark.parametrize(
    ("rules", "said", "more", "columns", "actions"),
    [
        (BOTH + GUARD, ("new", "old"), "", ("lender", "agreed"), ("update",)),
        (BOTH + GUARD, ("new", "old"), APART, ("lender", "borrower", "agreed"), ("update",)),
        (
            CHECKED,
            ("(select auth.uid()) in (lender, borrower)", "lender = (select auth.uid())"),
            "",
            ("lender", "agreed"),
            ("update",),
        ),
        (BOTH + REMOVED, ("lender, remark", "remark"), "", ("lender",), ("update", "delete")),
    ],
)
def test_one_of_two_takes_the_others_place(
    audited: Audited,
    rules: str,
    said: tuple[str, str],
    more: str,
    columns: tuple[str, ...],
    actions: tuple[str, ...],
) -> None:
    """By himself or by an exchange, where the new row is asked who may; where the old one is, nobody does."""
    broken, kept = (LOANS.format(rules=rules.replace("{0}", one), more=more) for one in said)
    [finding] = of_rule(audited(broken), "colleagues")
    assert (finding.severity.word, finding.columns, finding.actions) == ("medium", columns, actions)
    assert "which was refused before" in finding.sentence
    assert told(audited(kept), "colleagues") == []


PAGES = """
create table public.pages (
    id integer primary key, author uuid not null references auth.users,
    editor uuid not null references auth.users, text text not null default ''
);
alter table public.pages enable row level security;
create policy "read" on public.pages for select to authenticated using (true);
create policy "edit" on public.pages for update to authenticated
using ({}) with check (editor = (select auth.uid()));
"""


@pytest.mark.parametrize("who", ["true", "author = (select auth.uid())"])
def test_who_names_himself_as_the_last_to_edit_takes_nobodys_place(audited: Audited, who: str) -> None:
    assert told(audited(PAGES.format(who)), "colleagues") == []


def test_who_chooses_the_other_one_may_choose_himself(audited: Audited) -> None:
    """As long as he does not set the other one in his own place, whom nobody asked."""
    chosen = "revoke update on public.loans from anon, authenticated;"
    chosen += "grant update (lender, agreed) on public.loans to authenticated;"
    rules = BOTH + GUARD.format("new") + ASKS
    assert len(told(audited(LOANS.format(rules=rules, more="")), "colleagues")) == 1
    assert told(audited(LOANS.format(rules=rules + chosen, more="")), "colleagues") == []


PALS = """
create table public.pals (
    asker uuid references auth.users, asked uuid references auth.users, agreed boolean not null default false,
    primary key (asker, asked), check (asker <> asked)
);
alter table public.pals enable row level security;
create policy "see" on public.pals for select to authenticated using ((select auth.uid()) in (asker, asked));
create policy "ask" on public.pals for insert to authenticated
with check (asker = (select auth.uid()) and not agreed);
create policy "agree" on public.pals for update to authenticated
using ({}) with check (asked = (select auth.uid()));
"""


def test_places_that_are_the_key_of_a_row_are_exchanged(audited: Audited) -> None:
    """Whoever asks to be somebody's friend has been asked then, and agrees."""
    found = audited(PALS.format("(select auth.uid()) in (asker, asked)"))
    [finding] = of_rule(found, "colleagues")
    assert (finding.columns, finding.severity.word) == (("asked", "asker", "agreed"), "medium")
    assert told(audited(PALS.format("asked = (select auth.uid())")), "colleagues") == []


ERRANDS = """
create table public.errands (
    id integer primary key,
    sender uuid {theirs} references auth.users, runner uuid {mine} references auth.users,
    state text not null default 'ready'
);
alter table public.errands enable row level security;
create policy "see" on public.errands for select to authenticated
using ((select auth.uid()) in (sender, runner));
create policy "report" on public.errands for update to authenticated using ({using}) with check ({using});
{more}
"""
BY_RUNNER = {"theirs": "not null", "mine": "", "using": "runner = (select auth.uid())", "more": ""}
ORDERED = """
create function public.order_errand() returns void language sql security definer set search_path = ''
as $$ insert into public.errands (id, sender) select max(e.id) + 1, auth.uid() from public.errands as e $$;
"""
TAKEN_ON = """
create function public.take_on(whose uuid) returns void language sql security definer set search_path = ''
as $$ insert into public.errands select max(e.id) + 1, whose, auth.uid(), 'new' from public.errands as e $$;
"""
POSTED = """
create policy "post" on public.errands for insert to authenticated with check (runner = (select auth.uid()));
"""
HELD = """
create function public.hold_sender() returns trigger language plpgsql set search_path = '' as $$
begin
    new.sender := old.sender;
    return new;
end $$;
create trigger hold_sender before update on public.errands for each row execute function public.hold_sender();
"""
STATE_ALONE = """
revoke update on public.errands from anon, authenticated;
grant update (state) on public.errands to authenticated;
"""


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"theirs": "", "more": ORDERED},
        {"using": "array[runner] @> array[(select auth.uid())]"},
        {"more": ORDERED},
    ],
)
def test_who_is_given_a_row_puts_somebody_else_into_it(audited: Audited, said: dict[str, str]) -> None:
    [finding] = of_rule(audited(ERRANDS.format(**BY_RUNNER | said)), "colleagues")
    assert (finding.object, finding.columns, finding.severity.word) == (
        "public.errands",
        ("sender",),
        "medium",
    )


@pytest.mark.parametrize(
    "said",
    [
        {"more": POSTED},  # who makes them says for whom they are
        {"more": TAKEN_ON},
        {"more": HELD},
        {"theirs": "", "mine": "not null"},  # a vacancy
        {"mine": "not null"},  # perhaps he was first
        {"more": STATE_ALONE},
    ],
)
def test_who_makes_a_row_or_fills_it_says_who_is_in_it(audited: Audited, said: dict[str, str]) -> None:
    assert told(audited(ERRANDS.format(**BY_RUNNER | said)), "colleagues") == []


DIARY = """
create table public.huts (id integer primary key, name text not null);
create table public.guests (
    hut integer references public.huts, who uuid references auth.users, post text not null default 'guest',
    primary key (hut, who)
);
create table public.notes (
    id integer generated always as identity primary key, hut integer not null references public.huts,
    writer uuid not null default auth.uid() references auth.users, text text not null
);
create function public.my_huts(p text default null) returns setof integer
language sql stable security definer set search_path = ''
as $$ select g.hut from public.guests as g where g.who = auth.uid() and (p is null or g.post = p) $$;
alter table public.huts enable row level security;
alter table public.guests enable row level security;
alter table public.notes enable row level security;
create policy "see" on public.guests for select to authenticated using (hut in (select public.my_huts()));
create policy "read" on public.notes for select to authenticated using (hut in (select public.my_huts()));
"""
INSIDE = "hut in (select public.my_huts())"
AT_HOME = "exists (select from public.guests as g where g.hut = notes.hut and g.who = (select auth.uid()))"
MINE = "writer = (select auth.uid())"
ADD = 'create policy "add" on public.notes {} to authenticated using ({}) with check ({});'
WRITE = 'create policy "write" on public.notes for insert to authenticated with check ({});'
BOUND = ADD.format("for all", INSIDE, INSIDE) + ADD.replace("add", "bind").format(
    "as restrictive for all", "true", MINE
)


@pytest.mark.parametrize(
    "policies",
    [
        ADD.format("for all", INSIDE, f"{INSIDE} and {MINE}"),
        ADD.format("for all", f"{MINE} or {AT_HOME}", f"{MINE} and {AT_HOME}"),
        BOUND,
        WRITE.format(f"{INSIDE} and {MINE}") + ADD.format("for update", INSIDE, f"{INSIDE} and {MINE}"),
    ],
)
def test_who_may_write_in_his_own_name_alone_removes_what_others_wrote(
    audited: Audited, policies: str
) -> None:
    [finding] = of_rule(audited(DIARY + policies), "colleagues")
    actions = ("update",) if "for update" in policies else ("update", "delete")
    assert (finding.object, finding.actions) == ("public.notes", actions)
    assert (finding.repair is None) == (policies == BOUND)  # it is for reading as well


@pytest.mark.parametrize(
    "policies",
    [
        ADD.format("for all", INSIDE, INSIDE),  # a wiki
        WRITE.format(f"{INSIDE} and {MINE}") + ADD.format("for update", INSIDE, f"{INSIDE} and text <> ''"),
        ADD.format("for all", MINE, f"{INSIDE} and {MINE}"),
        ADD.format("for all", f"{MINE} or hut in (select public.my_huts('host'))", f"{INSIDE} and {MINE}"),
        WRITE.format(f"{INSIDE} and {MINE}")
        + f'create policy "tidy" on public.notes for delete to authenticated using ({INSIDE});',
    ],
)
def test_a_wiki_and_those_who_keep_order(audited: Audited, policies: str) -> None:
    assert told(audited(DIARY + policies), "colleagues") == []
