"""Who is in one group, and reaches what is another's."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow

SHIPS = """
create table public.ships (id integer primary key, name text not null);
create table public.crews (
    ship integer references public.ships, sailor uuid references auth.users, rank text not null default 'boy',
    primary key (ship, sailor)
);
create table public.logs (
    id integer primary key, ship integer not null references public.ships, text text not null
);
create function public.has_rank(wanted text) returns boolean
language sql stable security definer set search_path = ''
as $$ select exists (select from public.crews as c where c.sailor = auth.uid() and c.rank = wanted) $$;
alter table public.ships enable row level security;
alter table public.crews enable row level security;
alter table public.logs enable row level security;
create policy "own" on public.crews for select to authenticated using (sailor = (select auth.uid()));
create policy "crew" on public.logs for {verb} to authenticated using ({using});
"""
ANY = """exists (
    select from public.crews as c where c.sailor = (select auth.uid()) and c.ship = {}
)"""


def ships(using: str, verb: str = "select") -> str:
    return SHIPS.format(using=using, verb=verb)


def test_a_column_that_is_compared_with_itself_tells_no_group_apart(audited: Audited) -> None:
    """`ship` is that of the inner table, where it has one of this name."""
    found = audited(ships(ANY.format("ship")))
    assert told(found, "groups") == [("public.logs", "medium", ("select",))]
    [finding] = of_rule(found, "groups")
    assert "public.crews" in finding.sentence
    assert finding.repair is not None
    assert "ship in (select m.ship from public.crews as m" in str(finding.repair)
    assert told(audited(ships(ANY.format("logs.ship"))), "groups") == []


def test_a_rank_in_one_group_that_counts_in_all(audited: Audited) -> None:
    found = audited(ships("public.has_rank('mate')"))
    assert told(found, "groups") == [("public.logs", "medium", ("select",))]


def test_who_may_write_in_all_groups_is_worse(audited: Audited) -> None:
    [finding] = of_rule(audited(ships(ANY.format("ship"), "all")), "groups")
    assert (finding.severity.word, finding.actions) == ("high", ("update", "delete", "select"))


def test_what_is_open_to_all_asks_for_no_group(audited: Audited) -> None:
    assert told(audited(ships("true")), "groups") == []


@pytest.mark.parametrize(("asked", "count"), [("", 1), (" and c.rank = 'boy'", 0)])
def test_who_is_out_of_the_crew_reads_no_logs(audited: Audited, asked: str, count: int) -> None:
    crew = "select from public.crews as c where c.sailor = (select auth.uid())"
    rest = f"""create policy "seen" on public.ships for select to authenticated
    using (exists ({crew} and c.ship = ships.id and c.rank = 'boy'));"""
    found = of_rule(audited(ships(f"exists ({crew} and c.ship = logs.ship{asked})") + rest), "groups")
    assert [(f.object, f.severity.word) for f in found] == [("public.logs", "medium")] * count
    assert all("once public.crews says so by rank" in f.sentence for f in found)


PORTS = """
create table public.ports (id integer primary key, name text not null);
create table public.harbour_masters (who uuid primary key references auth.users);
create function public.is_mate() returns boolean language sql stable security definer set search_path = ''
as $$ select exists (select from {} and auth.uid() is not null) $$;
alter table public.ports enable row level security;
alter table public.harbour_masters enable row level security;
create policy "all" on public.ports for select using (true);
create policy "mates" on public.ports for update to authenticated using ((select public.is_mate()));
create function public.rename_port(port integer, word text) returns void
language plpgsql security definer set search_path = '' as $$
begin
    if not public.is_mate() then raise exception 'no'; end if;
    update public.ports set name = word where id = port;
end $$;
"""
OF_A_CREW = "public.crews as c where c.sailor = auth.uid() and c.rank = 'mate'"
OF_ALL = "public.harbour_masters as m where m.who = auth.uid()"


def test_a_rank_in_some_group_changes_what_all_share(audited: Audited) -> None:
    found = audited(ships("false") + PORTS.format(OF_A_CREW))
    assert told(found, "groups") == [
        ("public.ports", "medium", ("update",)),
        ("public.rename_port(integer, text)", "medium", ("execute",)),
    ]
    assert "with rank = 'mate'" in found.findings[0].sentence
    assert told(audited(ships("false") + PORTS.format(OF_ALL)), "groups") == []


def test_each_member_changes_what_all_share(audited: Audited) -> None:
    anything = "public.crews as c where c.sailor = auth.uid() and c.rank <> ''"
    found = told(audited(ships("false") + PORTS.format(anything)), "groups")
    assert found[0] == ("public.ports", "high", ("update",))


CREW_ON_LEAVE = """
create table public.yachts (id integer primary key, name text not null);
create table public.hands (
    yacht integer references public.yachts, who uuid references auth.users, left_at timestamptz,
    primary key (yacht, who)
);
create table public.charts (id integer primary key, yacht integer not null references public.yachts);
create function public.my_yachts() returns setof integer
language sql stable security definer set search_path = ''
as $$ select h.yacht from public.hands as h where h.who = auth.uid() {} $$;
create function public.leave(which integer) returns void language sql security definer set search_path = ''
as $$ update public.hands set left_at = now() where yacht = which and who = auth.uid() $$;
alter table public.yachts enable row level security;
alter table public.hands enable row level security;
alter table public.charts enable row level security;
create policy "own" on public.yachts for select to authenticated using (id in (select public.my_yachts()));
create policy "own" on public.hands for select to authenticated using (who = (select auth.uid()));
create policy "own" on public.charts for select to authenticated using (yacht in (select public.my_yachts()));
"""


def test_who_has_left_a_group_reads_on(audited: Audited) -> None:
    found = audited(CREW_ON_LEAVE.format(""))
    assert told(found, "groups") == [("public.charts", "medium", ("select",))]
    assert "is out once public.hands says so by left_at" in found.findings[0].sentence
    assert told(audited(CREW_ON_LEAVE.format("and h.left_at is null")), "groups") == []


BOOKS = """
create table public.books (id integer primary key, title text not null);
create table public.loans (
    id integer generated always as identity primary key, book integer not null references public.books,
    who uuid not null references auth.users, state text not null default 'asked'
);
create table public.{name} (
    id integer generated always as identity primary key, book integer not null references public.books{who}
);
alter table public.books enable row level security;
alter table public.loans enable row level security;
alter table public.{name} enable row level security;
create policy "all" on public.books for select using (true);
create policy "own" on public.loans for select to authenticated using (who = (select auth.uid()));
create policy "readers" on public.{name} for {verb} (exists (
    select from public.loans as l where l.who = (select auth.uid()) and l.state = 'out' and l.book = {book}
){mine});
"""


def books(name: str, verb: str, book: str) -> str:
    who = ", who uuid not null references auth.users" if verb.startswith("insert") else ""
    mine = " and who = (select auth.uid())" if who else ""
    return BOOKS.format(name=name, verb=verb, book=book, who=who, mine=mine)


def test_who_has_had_any_book_writes_about_all(audited: Audited) -> None:
    verb = "insert to authenticated with check"
    found = audited(books("opinions", verb, "book"))
    assert told(found, "groups") == [("public.opinions", "medium", ("insert",))]
    assert told(audited(books("opinions", verb, "opinions.book")), "groups") == []


def test_a_loan_is_no_membership_and_tells_books_apart_all_the_same(audited: Audited) -> None:
    """A user may have had a book several times."""
    verb = "select to authenticated using"
    assert told(audited(books("pages", verb, "book")), "groups") == [("public.pages", "medium", ("select",))]
    assert told(audited(books("pages", verb, "pages.book")), "groups") == []


MASTS = """
create table public.masts (id integer primary key, chart integer not null references public.charts);
create function public.yacht_of(wanted integer) returns integer
language sql stable security definer set search_path = ''
as $$ select c.yacht from public.charts as c where c.id = wanted $$;
alter table public.masts enable row level security;
create policy "own" on public.masts for select to authenticated using (public.yacht_of(chart) in (
    select h.yacht from public.hands as h where h.who = (select auth.uid()) {}
));
"""


def test_who_has_left_a_group_reads_what_is_two_levels_below(audited: Audited) -> None:
    closed = CREW_ON_LEAVE.format("and h.left_at is null")
    assert told(audited(closed + MASTS.format("")), "groups") == [("public.masts", "medium", ("select",))]
    assert told(audited(closed + MASTS.format("and h.left_at is null")), "groups") == []


TEAMS = """
create table public.teams (id integer primary key, name text not null);
create table public.players (
    team integer references public.teams on delete cascade, who uuid references auth.users,
    leads boolean not null default false, primary key (team, who)
);
create function public.mine(above boolean) returns setof integer
language sql stable security definer set search_path = ''
as $$ select p.team from public.players as p where p.who = auth.uid() and p.leads >= above $$;
alter table public.teams enable row level security;
alter table public.players enable row level security;
create policy "seen" on public.teams for select to authenticated using (id in (select public.mine(false)));
create policy "named" on public.teams for update to authenticated using (id in (select public.mine(true)));
create policy "seen" on public.players for select to authenticated
using (team in (select public.mine(false)));
create policy "in" on public.players for insert to authenticated
with check (team in (select public.mine(true)));
create policy "out" on public.{} to authenticated using ({});
"""


@pytest.mark.parametrize(
    ("on", "using", "found"),
    [
        ("players for delete", "team in (select public.mine(false))", ("public.players", "delete")),
        ("players for update", "team in (select public.mine(false))", ("public.players", "update")),
        ("teams for delete", "id in (select public.mine(false))", ("public.teams", "delete")),
        ("players for delete", "who = (select auth.uid()) or team in (select public.mine(true))", None),
        ("teams for delete", "id in (select public.mine(true))", None),
    ],
)
def test_a_member_without_a_rank_expels_its_captain(
    audited: Audited, on: str, using: str, found: tuple[str, str] | None
) -> None:
    """And dissolves a team that only captains may rename."""
    expected = [(found[0], "medium", (found[1],))] if found else []
    assert told(audited(TEAMS.format(on, using)), "groups") == expected


CHOIR = """
create table public.choirs (id integer primary key, title text not null);
create table public.singers (
    id bigint generated always as identity primary key, choir integer not null references public.choirs,
    voice uuid not null references auth.users, {mark}
);
create table public.scores (
    id bigint generated always as identity primary key, choir integer not null references public.choirs
);
alter table public.choirs enable row level security;
alter table public.singers enable row level security;
alter table public.scores enable row level security;
create function public.sings(which integer) returns boolean
language plpgsql stable security definer set search_path = '' as $$
begin return exists (
    select from public.singers as s where s.choir = which and s.voice = auth.uid() and {reads}
); end $$;
create function public.composes(which integer) returns boolean
language sql stable security definer set search_path = ''
as $$ select which = any (
    select s.choir from public.singers as s where s.voice = auth.uid() and {writes}
) $$;
create policy "read" on public.scores for select to authenticated using (public.sings(choir));
create policy "write" on public.scores for insert to authenticated with check (public.composes(choir));
"""
STANDING = "standing text not null default 'active' check (standing in ('active', 'guest', 'removed'))"
BANNED = "s.banned_until is null or s.banned_until < now()"


@pytest.mark.parametrize(
    ("mark", "reads", "writes", "actions"),
    [
        ("kicked_at timestamptz", "true", "s.kicked_at is null", ("select",)),
        ("is_removed boolean not null default false", "not s.is_removed", "true", ("insert",)),
        (STANDING, "true", "s.standing in ('active', 'guest')", ("select",)),
        ("since date, expelled_at timestamptz", "true", "true", ("select", "insert")),
    ],
)
def test_who_is_out_by_a_mark_for_which_nothing_asks(
    audited: Audited, mark: str, reads: str, writes: str, actions: tuple[str, ...]
) -> None:
    """The groups are hidden from everybody: that they are is not what tells who is out."""
    found = audited(CHOIR.format(mark=mark, reads=reads, writes=writes))
    assert told(found, "groups") == [("public.scores", "medium", actions)]


@pytest.mark.parametrize(
    ("mark", "asked"),
    [
        ("kicked_at timestamptz", "s.kicked_at is null"),
        ("banned_until timestamptz", f"({BANNED})"),
        (STANDING, "s.standing <> 'removed'"),
        ("since timestamptz not null default now(), left_at timestamptz", "true"),  # one of many visits
        ("heard_at timestamptz", "true"),
    ],
)
def test_a_mark_for_which_all_ask_or_that_ends_no_membership(audited: Audited, mark: str, asked: str) -> None:
    assert told(audited(CHOIR.format(mark=mark, reads=asked, writes=asked)), "groups") == []
