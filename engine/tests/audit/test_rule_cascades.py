"""Rows of others that go with one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgassay.audit.rules.chains import find as find_chains
from pgassay.server import Server
from tests.audit.audit_support import Audited, audit_schema, of_rule, told

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


CHOIRS = """
create table public.choirs (
    id integer primary key, name text not null, leader uuid not null references auth.users
);
create table public.singers (
    choir integer references public.choirs on delete cascade, who uuid references auth.users,
    part text not null default 'guest', primary key (choir, who)
);
create table public.songs (
    id integer primary key, choir integer not null references public.choirs on delete cascade,
    who uuid not null references auth.users, title text not null
);
create function public.sings(which integer, parts text[]) returns boolean
language sql stable security definer set search_path = '' as $$
    select exists (
        select from public.singers as s where s.choir = which and s.who = auth.uid() and s.part = any (parts)
    )
$$;
alter table public.choirs enable row level security;
alter table public.singers enable row level security;
alter table public.songs enable row level security;
create policy "see" on public.choirs for select to authenticated
using (leader = (select auth.uid()) or public.sings(id, array['guest', 'head']));
create policy "see" on public.singers for select to authenticated using (who = (select auth.uid()));
create policy "see" on public.songs for select to authenticated
using (public.sings(choir, array['guest', 'head']));
create policy "end" on public.choirs for delete to authenticated using ({end});
create policy "edit" on public.choirs for update to authenticated using ({edit});
create function public.dissolve(which integer) returns void
language plpgsql security definer set search_path = '' as $$
begin
    if not ({call}) then raise exception 'no'; end if;
    delete from public.choirs as c where c.id = which;
end $$;
revoke execute on function public.dissolve from public, anon;
"""
OF_MEMBERS = "public.sings(id, array['guest', 'head'])"
OF_HEADS = "public.sings(id, array['head'])"
OF_LEADER = "leader = (select auth.uid())"


def choirs(end: str, call: str, edit: str = OF_LEADER) -> str:
    return CHOIRS.format(end=end, call=call.replace("id,", "which,"), edit=edit)


def test_a_group_that_others_share_is_removed_by_a_member(audited: Audited) -> None:
    found = told(audited(choirs(OF_MEMBERS, OF_HEADS)), "cascades")
    assert found == [("public.choirs", "high", ("delete",))]
    found = told(audited(choirs(OF_HEADS, OF_MEMBERS)), "cascades")
    assert found == [("public.dissolve(integer)", "high", ("execute",))]
    assert told(audited(choirs(OF_HEADS, OF_HEADS)), "cascades") == []


def test_a_group_is_taken_by_a_member(server: Server, tmp_path: Path) -> None:
    found = audit_schema(server, tmp_path, choirs(OF_LEADER, OF_HEADS, OF_MEMBERS), find_chains)
    assert [(f.object, f.columns) for f in of_rule(found, "chains")] == [("public.choirs", ("leader",))]
    found = audit_schema(server, tmp_path, choirs(OF_LEADER, OF_HEADS), find_chains)
    assert told(found, "chains") == []
