"""Calls that are good for more than one time."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow

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


def test_a_call_that_leaves_another_balance_is_no_repetition(audited: Audited) -> None:
    schema = """
    create table public.purses (
        id integer primary key, holder uuid not null references auth.users, coins integer not null
    );
    create table public.treats (
        id integer generated always as identity primary key, purse integer not null references public.purses
    );
    alter table public.purses enable row level security;
    alter table public.treats enable row level security;
    create function public.snack(wanted integer) returns void
    language plpgsql security definer set search_path = '' as $$
    begin
        {}
        insert into public.treats (purse) values (wanted);
    end $$;
    """
    paid = "update public.purses as p set coins = p.coins - 1 where p.id = wanted;"
    assert told(audited(schema.format("")), "twice") == [("public.snack(integer)", "medium", ("execute",))]
    assert told(audited(schema.format(paid)), "twice") == []


COUPONS = """
create table public.purses (
    holder uuid primary key references auth.users, coins integer not null default 0
);
create table public.coupons (code text primary key, coins integer not null);
create table public.used (
    code text references public.coupons, who uuid references auth.users, at timestamptz default now(),
    primary key (code, who)
);
alter table public.purses enable row level security;
alter table public.coupons enable row level security;
alter table public.used enable row level security;
create policy "own" on public.purses for select to authenticated using (holder = (select auth.uid()));
create function public.redeem(wanted text) returns void
language plpgsql security definer set search_path = '' as $$
begin
    insert into public.used (code, who) values (wanted, auth.uid()){};
    update public.purses as p set coins = p.coins + c.coins
    from public.coupons as c where c.code = wanted and p.holder = auth.uid();
end $$;
"""


def test_a_coupon_that_is_noted_and_paid_again(audited: Audited) -> None:
    found = audited(COUPONS.format(" on conflict (code, who) do update set at = now()"))
    assert told(found, "twice") == [("public.redeem(text)", "medium", ("execute",))]
    assert told(audited(COUPONS.format("")), "twice") == []


MARKED = """
create table public.purses (
    holder uuid primary key references auth.users, coins integer not null default 0
);
create table public.trips (
    id integer primary key, holder uuid not null references auth.users,
    cost integer not null check (cost > 0),
    state text not null default 'paid' check (state in ('paid', 'back'))
);
alter table public.purses enable row level security;
alter table public.trips enable row level security;
create policy "own" on public.purses for select to authenticated using (holder = (select auth.uid()));
create function public.give_back(trip integer) returns void
language plpgsql security definer set search_path = '' as $$
declare
    sum integer;
begin
    update public.trips as t set state = 'back'
    where t.id = trip and t.holder = auth.uid() {} returning t.cost into sum;
    if not found then raise exception 'nothing there'; end if;
    update public.purses as p set coins = p.coins + sum where p.holder = auth.uid();
end $$;
"""


def test_a_refund_that_only_marks_the_row_pays_again(audited: Audited) -> None:
    assert told(audited(MARKED.format("")), "twice") == [
        ("public.give_back(integer)", "medium", ("execute",))
    ]
    assert told(audited(MARKED.format("and t.state = 'paid'")), "twice") == []


VOTES = """
create table public.ideas (id integer primary key, votes integer not null default 0);
create table public.votes (idea integer not null references public.ideas, who uuid not null {});
alter table public.ideas enable row level security;
alter table public.votes enable row level security;
create function public.vote(wanted integer) returns void
language plpgsql security definer set search_path = '' as $$
begin
    insert into public.votes (idea, who) values (wanted, auth.uid());
    update public.ideas set votes = votes + 1 where id = wanted;
end $$;
"""


def test_what_only_counts_up_tells_nobody_that_it_was_done(audited: Audited) -> None:
    found = audited(VOTES.format("references auth.users"))
    assert told(found, "twice") == [("public.vote(integer)", "medium", ("execute",))]
    assert told(audited(VOTES.format("references auth.users, primary key (idea, who)")), "twice") == []


def test_an_argument_that_names_no_row_may_be_said_again(audited: Audited) -> None:
    schema = """
    create table public.wishes (
        id integer generated always as identity primary key, who uuid not null references auth.users,
        most integer not null
    );
    alter table public.wishes enable row level security;
    create function public.wish(most integer) returns void language sql security definer set search_path = ''
    as $$ insert into public.wishes (who, most) values (auth.uid(), most) $$;
    """
    assert told(audited(schema), "twice") == []


def test_what_one_has_taken_another_one_takes_again(audited: Audited) -> None:
    schema = """
    create table public.gifts (
        id integer generated always as identity primary key,
        code uuid not null unique default gen_random_uuid(),
        taken_by uuid references auth.users
    );
    alter table public.gifts enable row level security;
    create function public.take(gift uuid) returns void
    language plpgsql security definer set search_path = '' as $$
    begin
        update public.gifts as g set taken_by = auth.uid() where g.code = gift {};
        if not found then raise exception 'no'; end if;
    end $$;
    """
    assert told(audited(schema.format("")), "twice") == [("public.take(uuid)", "medium", ("execute",))]
    assert told(audited(schema.format("and g.taken_by is null")), "twice") == []


HOOKS = """
create table public.jars (who uuid primary key references auth.users, coins integer not null default 0);
create table public.paid (
    id integer generated always as identity primary key, event_id text not null{}, who uuid not null
);
alter table public.jars enable row level security;
alter table public.paid enable row level security;
create policy "own" on public.jars for select to authenticated using (who = (select auth.uid()));
create function public.on_payment(event text, payer uuid) returns void language plpgsql security definer
set search_path = '' as $$
begin
    insert into public.paid (event_id, who) values (event, payer);
    update public.jars set coins = coins + 10 where who = payer;
end $$;
revoke execute on function public.on_payment from public, anon, authenticated;
grant execute on function public.on_payment to service_role;
"""


def test_an_event_that_is_told_twice_pays_twice(audited: Audited) -> None:
    [finding] = of_rule(audited(HOOKS.format("")), "twice")
    assert (finding.object, finding.who) == ("public.on_payment(text, uuid)", ("service",))
    assert finding.repair is not None
    assert told(audited(HOOKS.format(" unique")), "twice") == []


ENTRIES = """
create table public.houses (id uuid primary key, keeper uuid not null references auth.users);
create table public.entries (
    id integer generated always as identity primary key, house uuid not null references public.houses,
    text text not null {}
);
alter table public.houses enable row level security;
alter table public.entries enable row level security;
create policy "own" on public.houses for select to authenticated using (keeper = (select auth.uid()));
create function public.note(at uuid, said text) returns void
language sql security definer set search_path = '' as $$
    insert into public.entries (house, text)
    select h.id, said from public.houses as h where h.id = at and h.keeper = auth.uid()
$$;
revoke execute on function public.note(uuid, text) from public, anon;
"""


def test_what_somebody_writes_may_be_written_again(audited: Audited) -> None:
    assert told(audited(ENTRIES.format("")), "twice") == []
    priced = told(audited(ENTRIES.format(", credits integer not null default 5")), "twice")
    assert [(name, word) for name, word, _ in priced] == [("public.note(uuid, text)", "medium")]


TASKS = """
create table public.tasks (id integer primary key, pays integer not null check (pays > 0));
create table public.done (
    task integer not null references public.tasks, who uuid not null references auth.users,
    primary key (task, who)
);
create table public.purses (who uuid primary key references auth.users, coins integer not null default 0);
alter table public.tasks enable row level security;
alter table public.done enable row level security;
alter table public.purses enable row level security;
create policy "own" on public.purses for select to authenticated using (who = (select auth.uid()));
create function public.reward(wanted integer) returns void
language plpgsql security definer set search_path = '' as $$
begin
    {} if not found then raise exception 'not done'; end if;
    insert into public.purses (who, coins)
    select auth.uid(), t.pays from public.tasks as t where t.id = wanted
    on conflict (who) do update set coins = public.purses.coins + excluded.coins;
end $$;
revoke execute on function public.reward(integer) from public, anon;
"""


def test_a_reward_of_which_nothing_keeps_that_it_was_paid(audited: Audited) -> None:
    seen = "perform 1 from public.done as d where d.task = wanted and d.who = auth.uid();"
    assert told(audited(TASKS.format(seen)), "twice") == [("public.reward(integer)", "medium", ("execute",))]
    taken = "delete from public.done as d where d.task = wanted and d.who = auth.uid();"
    assert told(audited(TASKS.format(taken)), "twice") == []


CODES = """
{kind}
create table public.choirs (id integer primary key, name text not null);
create table public.singers (
    choir integer references public.choirs, who uuid references auth.users, primary key (choir, who)
);
create table public.purses (who uuid primary key references auth.users, coins integer not null default 0);
create table public.slips (
    id integer primary key, code text not null unique, choir integer not null references public.choirs,
    {column}
);
alter table public.choirs enable row level security;
alter table public.singers enable row level security;
alter table public.purses enable row level security;
alter table public.slips enable row level security;
create policy "own" on public.singers for select to authenticated using (who = (select auth.uid()));
create policy "own" on public.purses for select to authenticated using (who = (select auth.uid()));
create function public.enter(given text) returns void
language plpgsql security definer set search_path = '' as $$
declare
    slip public.slips;
begin
    select * into slip from public.slips as s where s.code = given {asked};
    if slip.id is null then
        return;
    end if;
    {mark}
    {effect}
end $$;
"""
ENTERS = "insert into public.singers values (slip.choir, auth.uid()) on conflict do nothing;"
PAYS = "update public.purses as p set coins = p.coins + 50 where p.who = auth.uid();"
MARK = "update public.slips as s set {} where s.id = slip.id;"
AT = {"column": "gone_at timestamptz", "mark": MARK.format("gone_at = now()"), "asked": "s.gone_at is null"}
BY = {
    "column": "user_id uuid references auth.users",
    "mark": MARK.format("user_id = coalesce(s.user_id, auth.uid())"),
    "asked": "s.user_id is null",
}
DONE = {
    "column": "gone boolean not null default false",
    "mark": MARK.format("gone = true"),
    "asked": "not s.gone",
}
STATE = {
    "kind": "create type public.slip_state as enum ('open', 'gone');",
    "column": "state public.slip_state not null default 'open'",
    "mark": MARK.format("state = 'gone'"),
    "asked": "s.state = 'open'",
}
UNMARKED = {"column": "redeemed_at timestamptz", "mark": "", "asked": "s.redeemed_at is null"}
LISTED = {
    "column": "state text not null default 'open' check (state in ('open', 'used'))",
    "mark": "",
    "asked": "s.state = 'open'",
}


@pytest.mark.parametrize("effect", [ENTERS, PAYS])
@pytest.mark.parametrize("kept", [AT, BY, DONE, STATE, UNMARKED, LISTED])
def test_a_code_that_is_used_lets_the_next_one_in(
    audited: Audited, kept: dict[str, str], effect: str
) -> None:
    said = {"kind": "", "effect": effect} | kept
    [finding] = of_rule(audited(CODES.format(**said | {"asked": ""})), "twice")
    assert (finding.object, finding.severity.word) == ("public.enter(text)", "medium")
    assert told(audited(CODES.format(**said | {"asked": f"and {kept['asked']}"})), "twice") == []


@pytest.mark.parametrize(
    ("column", "mark"),
    [
        ("last_used_at timestamptz", MARK.format("last_used_at = now()")),
        ("uses integer not null default 0", MARK.format("uses = s.uses + 1")),
        ("ends_at timestamptz", ""),
    ],
)
def test_a_code_for_many(audited: Audited, column: str, mark: str) -> None:
    said = {"kind": "", "asked": "", "column": column, "mark": mark, "effect": ENTERS}
    assert told(audited(CODES.format(**said)), "twice") == []


GIVEN = """
create table public.purses (who uuid primary key references auth.users, coins integer not null default 0);
create table public.gifts ({row});
alter table public.purses enable row level security;
alter table public.gifts enable row level security;
create policy "see" on public.purses for select to authenticated using (who = (select auth.uid()));
create policy "see" on public.gifts for select to authenticated using (who = (select auth.uid()));
create function public.begin_it() returns void language plpgsql security definer set search_path = '' as $$
begin
    {begin}
end $$;
{more}
"""
SPENT = """
create function public.spend() returns boolean language sql stable security definer set search_path = ''
as $$ select exists (select from public.gifts as g where g.who = auth.uid() and g.points > 0) $$;
"""
LEAVE = 'create policy "leave" on public.gifts for delete to authenticated using (who = (select auth.uid()));'
ONCE = "who uuid primary key references auth.users"
ANY_ROW = "id bigint generated always as identity primary key, who uuid not null references auth.users"
TILL = "till timestamptz not null default now() + interval '14 days'"
ENTER = "insert into public.gifts (who) values (auth.uid()){};"
UNLESS = """
if exists (select from public.gifts as g where g.who = auth.uid()) then
    raise exception 'once';
end if;
"""
COINS = "update public.purses as p set coins = p.coins + 50 where p.who = {};"
NOTHING = " on conflict do nothing"
BY_TRIGGER = """
create function public.pay() returns trigger language plpgsql security definer set search_path = '' as $$
begin
    update public.purses as p set coins = p.coins {sign} 50 where p.who = {row}.who;
    return {row};
end $$;
create trigger pay {when} on public.gifts for each row execute function public.pay();
"""
ENTERS_ONESELF = 'create policy "enter" on public.gifts for insert to authenticated with check ({});'
TWO_WEEKS = "till date not null"
REGIVEN = [
    {"row": f"{ONCE}, {TILL}", "begin": ENTER.format(NOTHING)},
    {"row": f"{ANY_ROW}, {TILL}", "begin": UNLESS + ENTER.format("")},
    {"row": f"{ONCE}, points integer not null default 50", "begin": ENTER.format(""), "more": SPENT},
    {"row": ONCE, "begin": ENTER.format("") + COINS.format("auth.uid()")},
    {
        "row": ONCE,
        "begin": "null;",
        "more": BY_TRIGGER.format(sign="+", row="new", when="after insert")
        + ENTERS_ONESELF.format("who = (select auth.uid())"),
    },
    {
        "row": f"{ONCE}, {TWO_WEEKS}",
        "begin": "null;",
        "more": ENTERS_ONESELF.format("who = (select auth.uid()) and till = current_date + 14"),
    },
]


@pytest.mark.parametrize("said", REGIVEN)
def test_who_removes_his_row_is_given_the_same_again(audited: Audited, said: dict[str, str]) -> None:
    schema = GIVEN.format(**{"more": ""} | said)
    assert told(audited(schema + LEAVE), "twice") == [("public.gifts", "medium", ("delete",))]
    assert told(audited(schema), "twice") == []


@pytest.mark.parametrize(
    "said",
    [
        {"row": f"{ONCE}, since timestamptz not null default now()", "begin": ENTER.format(NOTHING)},
        {
            "row": f"{ONCE}, {TILL}",
            "begin": ENTER.format(" on conflict (who) do update set till = now() + '1 day'"),
        },
        {
            "row": f"seat integer primary key, who uuid references auth.users, {TILL}",
            "begin": "insert into public.gifts (seat, who) values (1000, auth.uid()) on conflict do nothing;",
        },
        {
            "row": f"{ONCE}, {TILL}",
            "begin": ENTER.format(NOTHING),
            "more": LEAVE.replace('"leave"', '"set"').replace("for delete", "for update"),
        },
        {"row": f"{ONCE}, {TILL}", "begin": ENTER.format("") + COINS.format("auth.uid()").replace("+", "-")},
        {
            "row": ONCE,
            "begin": ENTER.format("") + COINS.format("auth.uid()"),
            "more": BY_TRIGGER.format(sign="-", row="old", when="after delete"),
        },
    ],
)
def test_who_leaves_and_comes_back(audited: Audited, said: dict[str, str]) -> None:
    """One is in again, prolongs it anyway, pays for it, or had to give it back."""
    assert told(audited(GIVEN.format(**{"more": ""} | said) + LEAVE), "twice") == []
