"""Rows of others that go with one's own."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow

STALLS = """
create table public.stalls (
    id integer primary key, keeper uuid not null references auth.users, text text not null
);
create table public.complaints (
    id integer primary key, stall integer references public.stalls on delete {then},
    by_whom uuid not null references auth.users, reason {reason}
);
alter table public.stalls enable row level security;
alter table public.complaints enable row level security;
create policy "own" on public.stalls to authenticated using (keeper = (select auth.uid()));
create policy "read" on public.complaints for select to authenticated
using (by_whom = (select auth.uid()){seen});
create policy "complain" on public.complaints for insert to authenticated
with check (by_whom = (select auth.uid()));
"""
SEEN = " or stall in (select s.id from public.stalls as s where s.keeper = (select auth.uid()))"
TEXT = "text not null"


def stalls(then: str = "cascade", reason: str = TEXT, seen: str = "") -> str:
    return STALLS.format(then=then, reason=reason, seen=seen)


def test_what_was_said_about_a_row_goes_with_it(audited: Audited) -> None:
    [finding] = of_rule(audited(stalls()), "cascades")
    assert (finding.object, finding.actions, finding.severity.word) == (
        "public.complaints",
        ("delete",),
        "medium",
    )
    assert finding.repair is not None
    assert "ON DELETE RESTRICT" in finding.repair.statements[0]


@pytest.mark.parametrize("then", ["set null", "restrict", "no action"])
def test_where_it_stays_nothing_is_lost(audited: Audited, then: str) -> None:
    assert told(audited(stalls(then)), "cascades") == []


def test_what_the_user_sees_he_may_take_along(audited: Audited) -> None:
    assert told(audited(stalls(seen=SEEN)), "cascades") == []


def test_a_row_that_says_nothing_is_a_mark(audited: Audited) -> None:
    assert told(audited(stalls(reason="text")), "cascades") == []


def test_a_share_goes_with_what_is_shared(audited: Audited) -> None:
    shared = """
    create function public.is_told(wanted integer) returns boolean
    language sql stable security definer set search_path = ''
    as $$ select exists (
        select from public.complaints as c where c.stall = wanted and c.by_whom = auth.uid()
    ) $$;
    create policy "shared" on public.stalls for select to authenticated using (public.is_told(id));
    """
    assert told(audited(stalls() + shared), "cascades") == []


HALLS = """
create table public.halls (id integer primary key, text text not null);
create table public.seats (
    hall integer references public.halls, who uuid references auth.users, primary key (hall, who)
);
create table public.lines (
    id integer primary key, hall integer not null references public.halls,
    author uuid not null references auth.users, text text not null
);
alter table public.halls enable row level security;
alter table public.seats enable row level security;
alter table public.lines enable row level security;
create function public.sits(wanted integer) returns boolean
language sql stable security definer set search_path = ''
as $$ select exists (select from public.seats as s where s.hall = wanted and s.who = auth.uid()) $$;
create policy "seats" on public.seats for select to authenticated using (public.sits(hall));
create policy "leave" on public.seats for delete to authenticated using (who = (select auth.uid()));
create policy "lines" on public.lines for select to authenticated using (public.sits(hall));
create function public.clear() returns trigger language plpgsql security definer set search_path = '' as $$
begin
    delete from public.lines as l where l.hall = old.hall and {which};
    return old;
end $$;
create trigger clear after delete on public.seats for each row execute function public.clear();
"""


def test_a_trigger_removes_what_those_who_stay_wrote(audited: Audited) -> None:
    found = audited(HALLS.format(which="true"))
    assert told(found, "cascades") == [("public.lines", "high", ("delete",))]


@pytest.mark.parametrize(
    "which", ["l.author = old.who", "not exists (select from public.seats as s where s.hall = old.hall)"]
)
def test_one_s_own_and_what_the_last_one_leaves_may_go(audited: Audited, which: str) -> None:
    assert told(audited(HALLS.format(which=which)), "cascades") == []
