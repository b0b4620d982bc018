"""Rows that open things after their time."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow

FILMS = """
create table public.films (
    id integer primary key, maker uuid not null references auth.users, text text not null
);
create table public.passes (
    film integer references public.films, who uuid references auth.users,
    {term} timestamptz not null{default}, primary key (film, who)
);
alter table public.films enable row level security;
alter table public.passes enable row level security;
create policy "own" on public.films to authenticated using (maker = (select auth.uid()));
create policy "mine" on public.passes for select to authenticated using (who = (select auth.uid()));
create policy "passes" on public.films for select to authenticated using (exists (
    select from public.passes as p where p.film = films.id and p.who = (select auth.uid()){asked}
));
"""
LATER = " default now() + interval '2 days'"
FOUND = [("public.films", "medium", ("select",))]


@pytest.mark.parametrize(("term", "default"), [("good_to", LATER), ("valid_until", ""), ("expires_at", "")])
def test_a_pass_opens_a_film_for_ever(audited: Audited, term: str, default: str) -> None:
    [finding] = of_rule(audited(FILMS.format(term=term, default=default, asked="")), "expired")
    assert [(finding.object, finding.severity.word, finding.actions)] == FOUND


def test_a_policy_that_asks_for_the_time_is_enough(audited: Audited) -> None:
    schema = FILMS.format(term="good_to", default=LATER, asked=" and p.good_to > now()")
    assert told(audited(schema), "expired") == []


@pytest.mark.parametrize("default", ["", " default now()"])
def test_when_a_pass_was_made_is_no_end(audited: Audited, default: str) -> None:
    assert told(audited(FILMS.format(term="made_at", default=default, asked="")), "expired") == []


@pytest.mark.parametrize(("default", "found"), [(" default now()", []), ("", FOUND)])
def test_what_begins_with_the_present_is_no_end_though_something_asks_how_old_it_is(
    audited: Audited, default: str, found: list[object]
) -> None:
    count = """
    create function public.of_today() returns bigint language sql stable
    as $$ select count(*) from public.passes as p where p.made_at > now() - interval '1 day' $$;
    """
    assert told(audited(FILMS.format(term="made_at", default=default, asked="") + count), "expired") == found


CLUBS = """
create table public.clubs (id integer primary key, text text not null);
create table public.fellows (
    club integer references public.clubs, who uuid references auth.users, primary key (club, who)
);
create table public.calls (
    id uuid primary key default gen_random_uuid(), club integer not null references public.clubs,
    who uuid not null references auth.users, ends timestamptz not null default now() + interval '7 days',
    taken_at timestamptz
);
alter table public.clubs enable row level security;
alter table public.fellows enable row level security;
alter table public.calls enable row level security;
create policy "own" on public.fellows for select to authenticated using (who = (select auth.uid()));
create policy "clubs" on public.clubs for select to authenticated
using (id in (select f.club from public.fellows as f where f.who = (select auth.uid())));
create policy "calls" on public.calls for select to authenticated using (who = (select auth.uid()));
create function public.take(wanted uuid) returns void
language plpgsql security definer set search_path = '' as $$
declare one public.calls;
begin
    select * into one from public.calls
    where id = wanted and who = auth.uid() and taken_at is null{asked} for update;
    if not found then
        raise exception 'no such call';
    end if;
    {enter}
    update public.calls set taken_at = now() where id = wanted;
end $$;
"""
ENTER = "insert into public.fellows (club, who) values (one.club, one.who) on conflict do nothing;"


def test_a_function_takes_an_old_invitation(audited: Audited) -> None:
    found = told(audited(CLUBS.format(asked="", enter=ENTER)), "expired")
    assert found == [("public.take(uuid)", "medium", ("execute",))]


def test_a_function_that_asks_for_the_time_refuses_it(audited: Audited) -> None:
    assert told(audited(CLUBS.format(asked=" and ends > now()", enter=ENTER)), "expired") == []


def test_an_old_invitation_may_be_declined(audited: Audited) -> None:
    assert told(audited(CLUBS.format(asked="", enter="")), "expired") == []


TASKS = """
create table public.tasks (id integer primary key, due timestamptz not null);
create table public.answers (
    id integer generated always as identity primary key, task integer not null references public.tasks,
    who uuid not null references auth.users, text text not null
);
alter table public.tasks enable row level security;
alter table public.answers enable row level security;
create policy "tasks" on public.tasks for select to authenticated using (true);
create policy "read" on public.answers for select to authenticated using (who = (select auth.uid()));
create policy "hand in" on public.answers for insert to authenticated with check (
    who = (select auth.uid()) and {in_time}
);
create policy "change" on public.answers for update to authenticated using (who = (select auth.uid()){asked});
"""
IN_TIME = "exists (select from public.tasks as t where t.id = task and t.due > now())"


def test_an_answer_is_changed_after_its_time(audited: Audited) -> None:
    [finding] = of_rule(audited(TASKS.format(in_time=IN_TIME, asked="")), "expired")
    assert (finding.object, finding.actions, finding.columns) == ("public.answers", ("update",), ("text",))


def test_where_an_update_asks_too_it_is_refused(audited: Audited) -> None:
    assert told(audited(TASKS.format(in_time=IN_TIME, asked=f" and {IN_TIME}")), "expired") == []


def test_where_an_insert_asks_for_no_time_there_is_none(audited: Audited) -> None:
    assert told(audited(TASKS.format(in_time="true", asked="")), "expired") == []


LETTERS = """
create table public.letters (
    id uuid primary key, writer uuid not null references auth.users, text text not null
);
create table public.links (
    token uuid primary key default gen_random_uuid(), letter uuid not null references public.letters,
    expires_at timestamptz not null
);
alter table public.letters enable row level security;
alter table public.links enable row level security;
create policy "own" on public.letters for select to authenticated using (writer = (select auth.uid()));
create function public.letter_of(said uuid) returns setof public.letters
language sql stable security definer set search_path = ''
as $$
    select l.* from public.letters as l join public.links as k on k.letter = l.id where k.token = said {}
$$;
"""


def test_a_link_tells_for_ever(audited: Audited) -> None:
    [finding] = of_rule(audited(LETTERS.format("")), "expired")
    assert (finding.object, finding.severity.word) == ("public.letter_of(uuid)", "medium")
    assert "anon" in finding.who
    assert told(audited(LETTERS.format("and k.expires_at > now()")), "expired") == []


NEWS = """
create table public.news (
    id integer primary key, writer uuid not null references auth.users, text text not null, {name} timestamptz
);
alter table public.news enable row level security;
create policy "out" on public.news for select using ({asked});
"""


def test_what_is_to_come_out_later_is_read_before(audited: Audited) -> None:
    [finding] = of_rule(audited(NEWS.format(name="publish_at", asked="publish_at is not null")), "expired")
    assert (finding.object, finding.severity.word) == ("public.news", "medium")
    assert finding.columns == ("publish_at",)
    assert told(audited(NEWS.format(name="publish_at", asked="publish_at <= now()")), "expired") == []
    # When something comes out, or was, says nothing of when it may be read.
    released = NEWS.format(name="release_date", asked="true")
    assert told(audited(released), "expired") == []
    stamped = NEWS.format(name="published_at", asked="published_at is not null")
    assert told(audited(stamped), "expired") == []


POSTERS = """
create table public.posters (
    id integer primary key, maker uuid not null references auth.users, text text not null,
    {state}, {name} {type} not null
);
alter table public.posters enable row level security;
create policy "own" on public.posters to authenticated using (maker = (select auth.uid()));
create policy "out" on public.posters for select using ({asked});
"""
READY, PHASE = "is_ready boolean not null default false", "phase text not null default 'raw'"


@pytest.mark.parametrize(
    ("name", "type_", "state", "asked"),
    [
        ("goes_live_at", "timestamptz", READY, "is_ready"),
        ("availableFrom", "timestamp", PHASE, "phase <> 'raw'"),
        ("shown_on", "date", READY, "is_ready is true"),
        ("goes_out_at", "timestamptz", PHASE, "phase = 'cooked'"),
    ],
)
def test_what_is_ready_is_read_before_it_is_to_be_shown(
    audited: Audited, name: str, type_: str, state: str, asked: str
) -> None:
    schema = POSTERS.format(name=f'"{name}"', type=type_, state=state, asked=asked)
    [finding] = of_rule(audited(schema), "expired")
    assert (finding.object, finding.severity.word, finding.columns) == ("public.posters", "medium", (name,))
    later = POSTERS.format(name=f'"{name}"', type=type_, state=state, asked=f'{asked} and "{name}" <= now()')
    assert told(audited(later), "expired") == []


def test_a_view_shows_what_is_ready_before_it_is_to_be_shown(audited: Audited) -> None:
    hidden = POSTERS.format(name="goes_out_at", type="timestamptz", state=READY, asked="false")
    view = "create view public.wall {} as select p.id, p.text from public.posters as p where p.is_ready{};"
    found = audited(hidden + view.format("", ""))
    assert told(found, "expired") == [("public.wall", "medium", ("select",))]
    assert told(audited(hidden + view.format("", " and p.goes_out_at <= now()")), "expired") == []
    assert told(audited(hidden + view.format("with (security_invoker = true)", "")), "expired") == []


def test_when_something_takes_place_may_be_known_before(audited: Audited) -> None:
    concert = POSTERS.format(name="starts_at", type="timestamptz", state=READY, asked="is_ready")
    assert told(audited(concert), "expired") == [("public.posters", "info", ("select",))]
    ended = POSTERS.format(name="visible_until", type="timestamptz", state=READY, asked="is_ready")
    assert told(audited(ended), "expired") == [("public.posters", "info", ("select",))]
    unasked = POSTERS.format(name="goes_live_at", type="timestamptz", state=READY, asked="true")
    assert told(audited(unasked), "expired") == []


COUPONS = """
create table public.purses (id uuid primary key references auth.users, coins integer not null default 0);
create table public.coupons (code text primary key, coins integer not null, {term});
alter table public.purses enable row level security;
alter table public.coupons enable row level security;
create policy "own" on public.purses for select to authenticated using (id = (select auth.uid()));
create function public.redeem(wanted text) returns void
language sql security definer set search_path = '' as $$
    update public.purses as p set coins = p.coins + c.coins from public.coupons as c
    where c.code = wanted and p.id = auth.uid() {asked}
$$;
"""


@pytest.mark.parametrize(
    ("term", "asked"),
    [
        ("valid_until timestamptz", "and c.valid_until > now()"),
        ("revoked_at timestamptz", "and c.revoked_at is null"),
    ],
)
def test_a_coupon_pays_when_it_is_over(audited: Audited, term: str, asked: str) -> None:
    [finding] = of_rule(audited(COUPONS.format(term=term, asked="")), "expired")
    assert (finding.object, finding.severity.word) == ("public.redeem(text)", "medium")
    assert finding.actions == ("execute",)
    assert told(audited(COUPONS.format(term=term, asked=asked)), "expired") == []


def test_a_function_takes_an_invitation_that_was_revoked(audited: Audited) -> None:
    schema = CLUBS.replace(
        "taken_at timestamptz\n", "taken_at timestamptz, revoked boolean not null default false\n"
    )
    schema = schema.replace("ends timestamptz not null default now() + interval '7 days',", "")
    assert told(audited(schema.format(asked="", enter=ENTER)), "expired") == [
        ("public.take(uuid)", "medium", ("execute",))
    ]
    assert told(audited(schema.format(asked=" and not revoked", enter=ENTER)), "expired") == []


LOANS = """
create table public.books (id integer primary key, owner uuid not null references auth.users);
create table public.loans (
    book integer references public.books, reader uuid references auth.users, {} timestamptz not null,
    primary key (book, reader)
);
alter table public.books enable row level security;
alter table public.loans enable row level security;
create policy "own" on public.books for select to authenticated using (owner = (select auth.uid()));
create policy "lent" on public.books for select to authenticated using (exists (
    select from public.loans as l where l.book = books.id and l.reader = (select auth.uid())
));
create policy "mine" on public.loans for {} to authenticated using (reader = (select auth.uid()));
"""


@pytest.mark.parametrize(
    ("column", "verb", "count"),
    [("ends_at", "select", 1), ("valid_to", "select", 1), ("ends_at", "all", 0), ("began_at", "select", 0)],
)
def test_what_was_lent_is_read_after_its_end(audited: Audited, column: str, verb: str, count: int) -> None:
    """Whoever says himself when something ends says when it takes place."""
    found = audited(LOANS.format(column, verb))
    assert told(found, "expired") == [("public.books", "medium", ("select",))] * count


TASTERS = """
create table public.tasters (
    who uuid primary key references auth.users, begun timestamptz not null default now(),
    taken integer not null default 0, is_barred boolean not null default false
);
create table public.wines (id integer primary key, text text not null);
alter table public.tasters enable row level security;
alter table public.wines enable row level security;
create policy "mine" on public.tasters for select to authenticated using (who = (select auth.uid()));
create policy "enter" on public.tasters for insert to authenticated with check (
    who = (select auth.uid()) and begun = now() and taken = 0 and not is_barred
);
create policy "leave" on public.tasters for delete to authenticated using ({leave});
create function public.tastes() returns boolean language sql stable security definer set search_path = ''
as $$ select exists (select from public.tasters as t where t.who = auth.uid() and {asked}) $$;
"""
MINE = "who = (select auth.uid())"
BY_POLICY = 'create policy "list" on public.wines for select to authenticated using (public.tastes());'
BY_FUNCTION = """
create function public.taste(said integer) returns text
language plpgsql security definer set search_path = '' as $$
begin
    if not public.tastes() then raise exception 'no'; end if;
    update public.tasters set taken = taken + 1 where who = auth.uid();
    return (select w.text from public.wines as w limit 1);
end $$;
"""
FOUND_ANEW = [("public.tasters", "medium", ("delete", "insert"))]


@pytest.mark.parametrize(
    ("asked", "opened"),
    [
        ("t.begun > now() - interval '14 days'", BY_POLICY),
        ("not t.is_barred", BY_POLICY),
        ("t.taken < 3", BY_FUNCTION),
        ("t.begun + interval '14 days' > now()", BY_FUNCTION),
    ],
)
def test_what_is_over_begins_anew_in_a_new_row(audited: Audited, asked: str, opened: str) -> None:
    assert told(audited(TASTERS.format(asked=asked, leave=MINE) + opened), "expired") == FOUND_ANEW
    kept = TASTERS.format(asked=asked, leave=f"{MINE} and taken = 0 and not is_barred and begun = now()")
    assert told(audited(kept + opened), "expired") == []


@pytest.mark.parametrize(
    "besides",
    [
        # Who may say when it began need not begin anew.
        f'create policy "set" on public.tasters for update to authenticated using ({MINE});',
        # Whoever was there is not let in again.
        """
        create function public.keep() returns trigger language plpgsql as $$
        begin
            update public.tasters set begun = '2001-01-01' where who = old.who;
            return null;
        end $$;
        create trigger keep before delete on public.tasters for each row execute function public.keep();
        """,
    ],
)
def test_what_is_over_does_not_begin_anew(audited: Audited, besides: str) -> None:
    schema = TASTERS.format(asked="t.begun > now() - interval '14 days'", leave=MINE) + BY_POLICY + besides
    assert told(audited(schema), "expired") == []
