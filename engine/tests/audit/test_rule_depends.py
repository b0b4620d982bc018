"""What users write of themselves, and what calls and triggers make of it."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow

FILMS = """
create table public.wallets (who uuid primary key references auth.users, coins integer default 5, motto text);
create table public.films (id integer primary key, price integer not null);
create table public.rentals (
    id integer generated always as identity primary key,
    who uuid not null references auth.users, film integer not null references public.films
);
alter table public.wallets enable row level security;
alter table public.films enable row level security;
alter table public.rentals enable row level security;
create policy "own" on public.wallets for {} to authenticated using (who = (select auth.uid()));
create policy "own" on public.rentals for select to authenticated using (who = (select auth.uid()));
create function public.rent(wanted integer) returns void language plpgsql security definer
set search_path = '' as $$
begin
    update public.wallets as w set coins = w.coins - f.price from public.films as f
    where f.id = wanted and w.who = auth.uid() and w.coins >= f.price;
    if not found then raise exception 'Not enough'; end if;
    insert into public.rentals (who, film) values (auth.uid(), wanted);
end $$;
"""
SITES = """
create table public.plans (who uuid primary key references auth.users, kind text not null default 'free');
create table public.sites (id integer primary key, who uuid not null references auth.users, name text);
alter table public.plans enable row level security;
alter table public.sites enable row level security;
create policy "own" on public.plans for {} to authenticated using (who = (select auth.uid()));
create policy "own" on public.sites for all to authenticated using (who = (select auth.uid()));
create function public.paid() returns trigger language plpgsql security definer set search_path = '' as $$
begin
    if (select p.kind from public.plans as p where p.who = new.who) is distinct from 'paid' then
        raise exception 'Pay first.';
    end if;
    return new;
end $$;
create trigger paid before insert on public.sites for each row execute function public.paid();
"""


def test_a_call_that_a_users_own_number_lets_through(audited: Audited) -> None:
    [finding] = of_rule(audited(FILMS.format("all")), "depends")
    assert (finding.object, finding.columns) == ("public.wallets", ("coins",))
    assert (finding.severity.word, finding.actions) == ("medium", ("update",))
    assert "public.rent(integer) goes through, which was refused before (P0001)" in finding.sentence
    assert finding.repair is not None
    assert "motto" in finding.repair.statements[1]
    assert told(audited(FILMS.format("select")), "depends") == []


def test_an_insert_that_a_users_own_text_lets_through(audited: Audited) -> None:
    [finding] = of_rule(audited(SITES.format("all")), "depends")
    assert (finding.object, finding.columns) == ("public.plans", ("kind",))
    assert "an INSERT into public.sites goes through" in finding.sentence
    assert told(audited(SITES.format("select")), "depends") == []


def test_a_limit_that_is_counted_in_rows_which_the_user_removes(audited: Audited) -> None:
    schema = """
    create table public.questions (
        id integer generated always as identity primary key, who uuid not null references auth.users
    );
    create table public.answers (
        id integer generated always as identity primary key, who uuid not null references auth.users
    );
    alter table public.questions enable row level security;
    alter table public.answers enable row level security;
    create policy "see" on public.questions for select to authenticated using (who = (select auth.uid()));
    create function public.ask(question text) returns void
    language plpgsql security definer set search_path = '' as $$
    begin
        if (select count(*) from public.questions as q where q.who = auth.uid()) >= 3 then
            raise exception 'enough';
        end if;
        insert into public.questions (who) values (auth.uid());
        insert into public.answers (who) values (auth.uid());
    end $$;
    """
    wipe = 'create policy "tidy" on public.questions for delete to authenticated using (who = auth.uid());'
    [finding] = of_rule(audited(schema + wipe), "depends")
    assert (finding.object, finding.actions) == ("public.questions", ("delete",))
    assert finding.repair is not None
    assert told(audited(schema), "depends") == []


DAILY = """
create table public.counts (
    who uuid not null references auth.users, day date not null, calls integer not null default 0,
    primary key (who, day)
);
create table public.answers (id integer generated always as identity primary key, who uuid not null);
alter table public.counts enable row level security;
alter table public.answers enable row level security;
create policy "own" on public.counts for select to authenticated using (who = (select auth.uid()));
create function public.answer() returns void language plpgsql security definer set search_path = '' as $$
declare
    number integer;
begin
    insert into public.counts (who, day, calls) values (auth.uid(), current_date, 1)
    on conflict (who, day) do update set calls = public.counts.calls + 1 returning calls into number;
    if number > 20 then raise exception 'enough for today'; end if;
    insert into public.answers (who) values (auth.uid());
end $$;
"""
RESET = """
create policy "own row" on public.counts for update to authenticated using (who = (select auth.uid()));
"""


def test_a_count_of_today_begins_with_the_first_call(audited: Audited) -> None:
    assert told(audited(DAILY + RESET), "depends") == [("public.counts", "medium", ("update",))]
    assert told(audited(DAILY), "depends") == []


GIFTS = """
create table public.entries (
    id integer generated always as identity primary key, who uuid not null references auth.users,
    points integer not null
);
alter table public.entries enable row level security;
create policy "own" on public.entries for select to authenticated using (who = (select auth.uid()));
create policy "enter" on public.entries for insert to authenticated with check (who = (select auth.uid()) {});
create function public.redeem() returns void language plpgsql security definer set search_path = '' as $$
begin
    if (select coalesce(sum(e.points), 0) from public.entries as e where e.who = auth.uid()) < 5 then
        raise exception 'too few';
    end if;
    insert into public.entries (who, points) values (auth.uid(), -5);
end $$;
"""


def test_points_that_a_user_enters_himself_are_spent(audited: Audited) -> None:
    assert told(audited(GIFTS.format("")), "depends") == [("public.entries", "medium", ("insert",))]
    assert told(audited(GIFTS.format("and points <= 0")), "depends") == []


COUNTED = """
create table public.uploads (
    id integer generated always as identity primary key, who uuid not null references auth.users
);
create table public.pages (
    id integer generated always as identity primary key, who uuid not null references auth.users
);
create function public.count_upload() returns trigger language plpgsql security definer set search_path = ''
as $$
begin
    if (select count(*) from public.uploads as u where u.who = new.who) >= 4 then
        raise exception 'enough';
    end if;
    insert into public.uploads (who) values (new.who);
    return new;
end $$;
create trigger count_upload before insert on public.pages for each row execute function public.count_upload();
alter table public.uploads enable row level security;
alter table public.pages enable row level security;
create policy "see" on public.uploads for select to authenticated using (who = (select auth.uid()));
create policy "own" on public.pages for select to authenticated using (who = (select auth.uid()));
create policy "add" on public.pages for insert to authenticated with check (who = (select auth.uid()));
"""


def test_a_limit_that_a_trigger_counts_in_rows_which_the_user_removes(audited: Audited) -> None:
    tidy = 'create policy "tidy" on public.uploads for delete to authenticated using (who = auth.uid());'
    [finding] = of_rule(audited(COUNTED + tidy), "depends")
    assert (finding.object, finding.actions) == ("public.uploads", ("delete",))
    assert finding.repair is not None
    assert told(audited(COUNTED), "depends") == []
    # Who removes what he made may make another one.
    own = 'create policy "tidy" on public.pages for delete to authenticated using (who = auth.uid());'
    assert told(audited(COUNTED + own), "depends") == []


SHELVES = """
create table public.shelves (
    id uuid primary key default gen_random_uuid(), who uuid not null references auth.users,
    stored boolean not null default false
);
alter table public.shelves enable row level security;
create policy "own" on public.shelves to authenticated using (who = (select auth.uid()));
create function public.keep_three() returns trigger language plpgsql security definer set search_path = ''
as $$
begin
    if not new.stored and (
        select count(*) from public.shelves as s where s.who = new.who and not s.stored and s.id <> new.id
    ) >= 3 then
        raise exception 'three at most';
    end if;
    return new;
end $$;
create trigger keep_three before {} on public.shelves for each row execute function public.keep_three();
"""


def test_rows_are_set_aside_and_taken_back_beyond_a_limit(audited: Audited) -> None:
    assert told(audited(SHELVES.format("insert")), "depends") == [("public.shelves", "medium", ("update",))]
    assert told(audited(SHELVES.format("insert or update")), "depends") == []


SEATS = """
{kind}
create table public.ranks (id integer primary key, name text not null);
create table public.seats (
    who uuid primary key references auth.users, {columns}, seen_on date, made_at timestamptz default now(),
    motto text
);
alter table public.ranks enable row level security;
alter table public.seats enable row level security;
create policy "see" on public.seats for select to authenticated using (who = (select auth.uid()));
create policy "edit" on public.seats for update to authenticated using (who = (select auth.uid())) {check};
{more}
"""
PLAIN = {"kind": "", "check": "", "more": ""}


@pytest.mark.parametrize(
    ("kind", "columns"),
    [
        ("", "tier text not null default 'low' check (tier in ('low', 'high'))"),
        ("create type public.step as enum ('low', 'high');", "tier public.step not null"),
        ("create domain public.step as text check (value in ('low', 'high'));", "tier public.step not null"),
        ("", "tier text not null default 'low'"),
        ("", "tier smallint not null default 0 check (tier between 0 and 5)"),
        ("", "tier integer references public.ranks"),
        ("", '"isTier" boolean not null default false'),
    ],
)
def test_what_somebody_else_says_of_a_user_at_first(audited: Audited, kind: str, columns: str) -> None:
    """The day on which he was last seen is told of beside it only where nothing is called so."""
    [finding] = of_rule(audited(SEATS.format(**PLAIN | {"kind": kind, "columns": columns})), "depends")
    assert (finding.object, finding.severity.word, finding.actions) == ("public.seats", "medium", ("update",))
    assert [name.lower().removeprefix("is") for name in finding.columns] == ["tier"]
    assert finding.repair is not None


def test_a_row_of_which_the_address_says_whose_it_is(audited: Audited) -> None:
    schema = """
    create table public.passes (
        id integer primary key, mail text not null, credits integer not null default 0
    );
    alter table public.passes enable row level security;
    create policy "own" on public.passes for {} to authenticated
    using (mail = (select auth.jwt() ->> 'email'));
    """
    assert told(audited(schema.format("select")), "depends") == []
    both = schema.format("select") + schema[schema.index("create policy") :].replace("own", "edit")
    assert told(audited(both.format("update")), "depends") == [("public.passes", "medium", ("update",))]


def test_preferences_are_told_in_one_line(audited: Audited) -> None:
    columns = (
        "theme text not null default 'dark' check (theme in ('dark', 'bright')), news boolean default true"
    )
    [finding] = of_rule(audited(SEATS.format(**PLAIN | {"columns": columns})), "depends")
    assert (finding.columns, finding.severity.word) == (("theme", "seen_on"), "info")


BEGIN = """
create policy "begin" on public.seats for insert to authenticated with check (who = (select auth.uid()));
"""
LEFT = """
revoke update on public.seats from authenticated;
grant update (motto, seen_on) on public.seats to authenticated;
"""
TIER = "tier text not null default 'low' check (tier in ('low', 'high'))"
KEPT = """
create function public.keep() returns trigger language plpgsql as $$
begin
    {}
    return new;
end $$;
create trigger keep before {} on public.seats for each row when (current_user = 'authenticated')
execute function public.keep();
"""


@pytest.mark.parametrize(
    "said",
    [
        {"check": "with check (who = (select auth.uid()) and tier = 'low')"},
        {"more": KEPT.format("new.tier := old.tier;", "update")},
        {"more": LEFT},
        {"more": BEGIN},
    ],
)
def test_what_a_condition_keeps_or_a_user_begins_himself(audited: Audited, said: dict[str, str]) -> None:
    found = of_rule(audited(SEATS.format(**PLAIN | {"columns": TIER} | said)), "depends")
    assert [f for f in found if "tier" in f.columns or f.severity.word != "info"] == []


def test_a_trigger_that_refuses_the_insert(audited: Audited) -> None:
    more = BEGIN + KEPT.format("raise exception 'by the server alone';", "insert")
    found = audited(SEATS.format(**PLAIN | {"columns": TIER, "more": more}))
    assert told(found, "depends") == [("public.seats", "medium", ("update",))]


CALLS = """
{kind}
create table public.farms (id integer primary key, name text not null);
create table public.hands (
    farm integer references public.farms, who uuid references auth.users, craft {type} not null,
    primary key (farm, who)
);
create table public.calls (
    id integer primary key, farm integer not null references public.farms, {whom},
    craft {type} not null default 'picker', agreed boolean not null default false, note text
);
alter table public.farms enable row level security;
alter table public.hands enable row level security;
alter table public.calls enable row level security;
create policy "see" on public.calls for select to authenticated using ({mine});
create policy "answer" on public.calls for update to authenticated using ({mine});
create policy "see" on public.hands for select to authenticated using (who = (select auth.uid()));
revoke update on public.calls from anon, authenticated;
grant update ({free}) on public.calls to authenticated;
{joining}
"""
TO_USER = {"whom": "whom uuid not null references auth.users", "mine": "whom = (select auth.uid())"}
TO_MAIL = {"whom": "whom text not null", "mine": "whom = (select auth.jwt() ->> 'email')"}
ASKED = "c.farm = {0}.farm and c.craft = {0}.craft and c.agreed and c.{1}"
BY_POLICY = """
create policy "join" on public.hands for insert to authenticated with check (who = (select auth.uid())
    and exists (select from public.calls as c where {asked}));
"""
BY_HELPER = """
create function public.is_called(farm integer, craft public.craft) returns boolean
language sql stable security definer set search_path = '' as $$
    select exists (select from public.calls as c where c.farm = is_called.farm
        and c.craft = is_called.craft and c.{mine})
$$;
create policy "join" on public.hands for insert to authenticated
with check (who = (select auth.uid()) and public.is_called(farm, craft));
"""
BY_TRIGGER = """
create policy "join" on public.hands for insert to authenticated with check (who = (select auth.uid()));
create function public.only_called() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
    if not exists (select from public.calls as c where {asked}) then
        raise exception 'nobody called you';
    end if;
    return new;
end $$;
create trigger only_called before insert on public.hands for each row execute function public.only_called();
"""
BY_CALL = """
create function public.take(call integer) returns void
language sql security definer set search_path = '' as $$
    insert into public.hands select c.farm, auth.uid(), c.craft from public.calls as c
    where c.id = call and c.{mine}
$$;
"""
ON_ANSWER = """
create function public.enter() returns trigger language plpgsql security definer set search_path = '' as $$
begin
    if new.agreed and not old.agreed then
        insert into public.hands values (new.farm, auth.uid(), new.craft);
    end if;
    return new;
end $$;
create trigger enter after update on public.calls for each row execute function public.enter();
"""
ENUM = {"kind": "create type public.craft as enum ('picker', 'driver');", "type": "public.craft"}
TEXT = {"kind": "", "type": "text"}


def _calls(joining: str, **said: str) -> str:
    of = "new" if joining == BY_TRIGGER else "hands"
    joined = joining.format(asked=ASKED.format(of, said["mine"]), mine=said["mine"])
    return CALLS.format(joining=joined, **said)


@pytest.mark.parametrize("whose", [TO_USER, TO_MAIL])
@pytest.mark.parametrize(
    ("joining", "kind"),
    [(BY_POLICY, TEXT), (BY_HELPER, ENUM), (BY_TRIGGER, TEXT), (BY_CALL, TEXT), (ON_ANSWER, ENUM)],
)
def test_an_invitation_that_whoever_answers_it_rewrites(
    audited: Audited, joining: str, kind: dict[str, str], whose: dict[str, str]
) -> None:
    """By a policy, what it asks, a trigger, a call, or the answer itself; the answer alone is his to give."""
    found = of_rule(audited(_calls(joining, free="craft, agreed, note", **whose, **kind)), "depends")
    [finding] = [one for one in found if one.severity.word == "medium"]
    assert (finding.object, finding.columns, finding.actions) == ("public.calls", ("craft",), ("update",))
    assert "public.hands" in finding.sentence
    assert finding.repair is not None
    kept = of_rule(audited(_calls(joining, free="agreed, note", **whose, **kind)), "depends")
    assert [one for one in kept if one.severity.word != "info"] == []


ONE_ANSWER = """
create table public.crews (id integer primary key, title text not null);
create table public.mates (
    crew integer references public.crews, who uuid references auth.users, duty text not null,
    primary key (crew, who)
);
create table public.bids (
    id integer primary key, crew integer not null references public.crews, {whom},
    duty text not null default 'cook', {answer}
);
alter table public.crews enable row level security;
alter table public.mates enable row level security;
alter table public.bids enable row level security;
create policy "own" on public.mates for select to authenticated using (who = (select auth.uid()));
create policy "for me" on public.bids for select to authenticated using ({mine});
create policy "answer" on public.bids for update to authenticated
using ({mine} and {unanswered}) with check ({mine} and not ({unanswered}));
revoke update on public.bids from anon, authenticated;
grant update ({free}) on public.bids to authenticated;
"""
MATE_BY_TRIGGER = """
create function public.enlist() returns trigger language plpgsql security definer set search_path = '' as $$
begin
    if {answered} then
        insert into public.mates (crew, who, duty) values (new.crew, auth.uid(), new.duty);
    end if;
    return null;
end $$;
create trigger enlist after update on public.bids for each row execute function public.enlist();
"""
MATE_BY_POLICY = """
create policy "enlist" on public.mates for insert to authenticated with check (
    who = (select auth.uid()) and exists (
        select from public.bids as new where {answered} and new.crew = mates.crew and new.duty = mates.duty
        and {mine}
    )
);
"""
MATE_BY_CALL = """
create function public.enlist(bid integer) returns void
language sql security definer set search_path = '' as $$
    insert into public.mates select new.crew, auth.uid(), new.duty from public.bids as new
    where new.id = bid and {answered} and {mine};
$$;
"""
BY_WORD = {
    "answer": "said text not null default 'unsaid'",
    "name": "said",
    "unanswered": "said = 'unsaid'",
    "answered": "new.said = 'yes'",
}
BY_TIME = {
    "answer": "said_at timestamptz",
    "name": "said_at",
    "unanswered": "said_at is null",
    "answered": "new.said_at is not null",
}


@pytest.mark.parametrize(
    ("joining", "answer", "whose"),
    [
        (MATE_BY_TRIGGER, BY_WORD, TO_MAIL),
        (MATE_BY_POLICY, BY_TIME, TO_USER),
        (MATE_BY_CALL, BY_WORD, TO_USER),
    ],
)
def test_an_invitation_that_is_rewritten_by_the_very_answer(
    audited: Audited, joining: str, answer: dict[str, str], whose: dict[str, str]
) -> None:
    """It can be answered once: an UPDATE that leaves it open is refused, and afterwards every other one."""
    schema = ONE_ANSWER + joining
    said = {**answer, **whose}
    found = of_rule(audited(schema.format(free=f"duty, {answer['name']}", **said)), "depends")
    [finding] = [one for one in found if one.severity.word == "medium"]
    assert (finding.object, finding.columns, finding.actions) == ("public.bids", ("duty",), ("update",))
    assert "public.mates" in finding.sentence
    kept = of_rule(audited(schema.format(free=answer["name"], **said)), "depends")
    assert [one for one in kept if one.severity.word != "info"] == []
