"""Numbers that triggers keep, and that who inserts moves as far as he says."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow

VOTES = """
create table public.fame (id uuid primary key references auth.users, points integer not null default 0);
create table public.poems (id integer primary key, poet uuid not null references auth.users);
create table public.votes (
    poem integer references public.poems, voter uuid references auth.users,
    weight integer not null{}, primary key (poem, voter)
);
alter table public.fame enable row level security;
alter table public.poems enable row level security;
alter table public.votes enable row level security;
create policy "all" on public.fame for select using (true);
create policy "all" on public.poems for select using (true);
create policy "own" on public.votes for select to authenticated using (voter = (select auth.uid()));
create policy "vote" on public.votes for insert to authenticated with check (voter = (select auth.uid()));
create function public.count_vote() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
    update public.fame as f set points = f.points + new.weight
    from public.poems as p where p.id = new.poem and f.id = p.poet;
    return null;
end $$;
create trigger counted after insert on public.votes for each row execute function public.count_vote();
"""


def test_a_number_that_nothing_bounds_moves_what_another_has(audited: Audited) -> None:
    assert told(audited(VOTES.format("")), "driven") == [("public.votes", "medium", ("insert",))]
    assert told(audited(VOTES.format(" check (weight in (-1, 1))")), "driven") == []


DAYS = """
create table public.totals (id uuid primary key references auth.users, minutes integer not null default 0);
create table public.runs (
    id integer generated always as identity primary key, runner uuid not null references auth.users,
    minutes integer not null
);
alter table public.totals enable row level security;
alter table public.runs enable row level security;
create policy "own" on public.totals for select to authenticated using (id = (select auth.uid()));
create policy "own" on public.runs for select to authenticated using (runner = (select auth.uid()));
create policy "run" on public.runs for insert to authenticated with check (runner = (select auth.uid()));
create function public.add_up() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
    update public.totals set minutes = minutes + new.minutes where id = new.runner;
    return null;
end $$;
create trigger added after insert on public.runs for each row execute function public.add_up();
"""
SPENDS = """
create function public.spend() returns void language sql security definer set search_path = ''
as $$ update public.totals set minutes = minutes - 1 where id = auth.uid() and minutes > 0 $$;
"""


def test_what_users_count_of_themselves_matters_where_something_asks_for_it(audited: Audited) -> None:
    assert told(audited(DAYS), "driven") == []
    assert told(audited(DAYS + SPENDS), "driven") == [("public.runs", "medium", ("insert",))]


BOUNDED = """
create table public.pupils (id uuid primary key references auth.users, points integer not null default 0);
create table public.tries (
    id integer generated always as identity primary key, pupil uuid not null references public.pupils,
    score integer not null check (score between 0 and 100)
);
create function public.add_score() returns trigger language plpgsql security definer set search_path = ''
as $$
begin
    update public.pupils set points = points + new.score where id = new.pupil;
    return new;
end $$;
create trigger add_score after insert on public.tries for each row execute function public.add_score();
alter table public.pupils enable row level security;
alter table public.tries enable row level security;
create policy "board" on public.pupils for select to authenticated using (true);
create policy "own" on public.tries for select to authenticated using (pupil = (select auth.uid()));
{}
"""


def test_a_number_that_a_check_bounds_moves_another_as_far(audited: Audited) -> None:
    enter = 'create policy "try" on public.tries for insert to authenticated with check (pupil = auth.uid());'
    board = "create function public.best() returns integer language sql stable as "
    board += "$$ select max(points) from public.pupils $$;"
    assert told(audited(BOUNDED.format(enter + board)), "driven") == [("public.tries", "medium", ("insert",))]
    assert told(audited(BOUNDED.format(board)), "driven") == []


CLAPS = """
create table public.songs (
    id integer primary key, singer uuid not null references auth.users, claps integer not null default 0
);
create table public.claps (
    song integer references public.songs, who uuid references auth.users, primary key (song, who)
);
alter table public.songs enable row level security;
alter table public.claps enable row level security;
create policy "all" on public.songs for select using (true);
create policy "own" on public.claps to authenticated using (who = (select auth.uid()));
create function public.count_claps() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
    if tg_op = 'INSERT' then
        update public.songs set claps = claps + 1 where id = new.song;
    {}
    end if;
    return null;
end $$;
create trigger counted after insert or delete on public.claps
for each row execute function public.count_claps();
"""


def test_a_row_is_taken_back_and_counted_again(audited: Audited) -> None:
    [finding] = of_rule(audited(CLAPS.format("")), "driven")
    assert (finding.object, finding.severity.word) == ("public.claps", "medium")
    assert "after taking it back" in finding.sentence
    less = "else update public.songs set claps = claps - 1 where id = old.song;"
    assert told(audited(CLAPS.format(less)), "driven") == []


TIPS = """
create table public.purses (
    who uuid primary key references auth.users, coins integer not null check (coins >= 0)
);
create table public.tips (
    id integer generated always as identity primary key, giver uuid not null references auth.users,
    taker uuid not null references auth.users, coins integer not null {}
);
alter table public.purses enable row level security;
alter table public.tips enable row level security;
create policy "own" on public.purses for select to authenticated using (who = (select auth.uid()));
create policy "both" on public.tips for select to authenticated using ((select auth.uid()) in (giver, taker));
create policy "give" on public.tips for insert to authenticated
with check (giver = (select auth.uid()) and taker <> giver);
create function public.hand_on() returns trigger language plpgsql security definer set search_path = '' as $$
begin
    update public.purses set coins = coins - new.coins where who = new.giver;
    update public.purses set coins = coins + new.coins where who = new.taker;
    return new;
end $$;
create trigger hand_on after insert on public.tips for each row execute function public.hand_on();
"""


@pytest.mark.parametrize(("check", "count"), [("", 1), ("check (coins > 0)", 0)])
def test_a_gift_below_zero_takes(audited: Audited, check: str, count: int) -> None:
    """What is given for as long as the giver has it is a gift."""
    found = of_rule(audited(TIPS.format(check)), "driven")
    assert [(f.object, f.severity.word, "coins = -57" in f.sentence) for f in found] == [
        ("public.tips", "medium", True)
    ] * count
