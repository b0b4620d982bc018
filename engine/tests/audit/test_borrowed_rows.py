"""Rows of one's own that name what one may not see, and what comes of it."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow

RULE = "chains"
LINKS = """
create table public.songs (
    id integer primary key, singer uuid not null references auth.users, verse text not null {more}
);
create table public.links (
    {link}, song integer not null references public.songs,
    maker uuid not null references auth.users default auth.uid()
);
alter table public.songs enable row level security;
alter table public.links enable row level security;
create policy "own" on public.songs for select to authenticated using (singer = (select auth.uid()));
create policy "see" on public.links for select to authenticated using (maker = (select auth.uid()));
create policy "make" on public.links for insert to authenticated
with check (maker = (select auth.uid()) and {check});
{telling}
"""
OWN = "exists (select from public.songs as s where s.id = song and s.singer = (select auth.uid()))"
BY_KEY = "code uuid primary key default gen_random_uuid()"
BY_WORD = "id integer generated always as identity primary key, code text not null unique"
BY_NUMBER = "id integer primary key, code text"
TOLD = """
create function public.sung(code {0}) returns text
language sql stable security definer set search_path = ''
as $$
    select s.verse from public.songs as s join public.links as l on l.song = s.id where l.code = sung.code
$$;
"""
REFUSING = """
create function public.sung(wanted text) returns jsonb
language plpgsql stable security definer set search_path = '' as $$
declare found jsonb;
begin
    select jsonb_build_object('text', s.verse) into found
    from public.songs as s join public.links as l on l.song = s.id where l.code = wanted;
    if found is null then raise exception 'nothing there'; end if;
    return found;
end $$;
"""
MINE = """
create function public.mine() returns setof public.songs
language sql stable security definer set search_path = '' as $$
    select s.* from public.songs as s where s.id = any (
        select l.song from public.links as l where l.maker = auth.uid()
    )
$$;
"""
VIEW = """
create view public.sung as select l.id, s.verse from public.links as l join public.songs as s on s.id = l.song
where l.maker = auth.uid();
"""


@pytest.mark.parametrize(
    ("link", "telling"),
    [(BY_KEY, TOLD.format("uuid")), (BY_WORD, REFUSING), (BY_NUMBER, MINE), (BY_NUMBER, VIEW)],
)
def test_a_new_row_names_what_is_hidden_and_it_is_told(audited: Audited, link: str, telling: str) -> None:
    """By a function that finds it by a key or a text, refuses, or takes nothing; by a view."""
    said = {"link": link, "telling": telling, "more": ""}
    [finding] = of_rule(audited(LINKS.format(check="true", **said)), "chains")
    assert (finding.object, finding.columns, finding.actions) == ("public.links", ("song",), ("insert",))
    assert finding.severity.word == "medium"
    assert told(audited(LINKS.format(check=OWN, **said)), "chains") == []


def test_what_somebody_chose_to_lend_is_lent(audited: Audited) -> None:
    lent = "exists (select from public.songs as s where s.id = song and s.lent)"
    helper = f"""
    create function public.is_lent(song integer) returns boolean
    language sql stable security definer set search_path = ''
    as $$ select {lent.replace("= song", "= is_lent.song")} $$;
    """
    schema = LINKS.format(
        link=BY_KEY,
        telling=TOLD.format("uuid"),
        more=", lent boolean not null default false",
        check="true",
    )
    schema = schema.replace('create policy "make"', f'{helper} create policy "make"')
    assert told(audited(schema.replace("and true", "and public.is_lent(song)")), "chains") == []
