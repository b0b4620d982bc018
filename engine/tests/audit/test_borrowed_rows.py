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


SCANS = """
insert into storage.buckets (id, name, public) values ('scans', 'scans', false);
create table public.scans (
    id integer generated always as identity primary key, who uuid not null references auth.users,
    spot text not null
);
alter table public.scans enable row level security;
create policy "see" on public.scans for select to authenticated using (who = (select auth.uid()));
create policy "send" on storage.objects for insert to authenticated
with check (bucket_id = 'scans' and (storage.foldername(name))[1] = (select auth.uid())::text);
{reading}
{writing}
"""
BY_PATH = """
create policy "look" on storage.objects for select to authenticated using (bucket_id = 'scans' and exists (
    select from public.scans as s where s.spot = objects.name and s.who = (select auth.uid())
));
"""
BY_FOLDER = """
create function public.may_open(path text) returns boolean
language plpgsql stable security definer set search_path = '' as $$
begin
    return split_part(path, '/', 1) in (select s.spot from public.scans as s where s.who = auth.uid());
end $$;
create policy "look" on storage.objects for select to authenticated
using (bucket_id = 'scans' and public.may_open(name));
"""
BY_TITLE = """
create table public.books (
    id integer primary key, title text not null, owner uuid not null references auth.users, text text not null
);
alter table public.books enable row level security;
create policy "own" on public.books for select to authenticated using (owner = (select auth.uid()));
create policy "noted" on public.books for select to authenticated
using (title = any (select s.spot from public.scans as s where s.who = (select auth.uid())));
"""
ADDS = """
create policy "add" on public.scans for insert to authenticated
with check (who = (select auth.uid()) {0});
"""
CHANGES = """
create policy "change" on public.scans for update to authenticated
using (who = (select auth.uid())) with check (who = (select auth.uid()) {0});
"""
IN_OWN_FOLDER = "and split_part(spot, '/', 1) = (select auth.uid())::text"
OF_OWN_BOOK = "and spot in (select b.title from public.books as b where b.owner = (select auth.uid()))"


@pytest.mark.parametrize(
    ("reading", "writing", "asked", "verb"),
    [
        (BY_PATH, ADDS, IN_OWN_FOLDER, "insert"),
        (BY_PATH, CHANGES, IN_OWN_FOLDER, "update"),
        (BY_FOLDER, ADDS, IN_OWN_FOLDER, "insert"),
        (BY_TITLE, ADDS, OF_OWN_BOOK, "insert"),
    ],
)
def test_a_row_says_what_a_hidden_one_says_which_is_then_open(
    audited: Audited, reading: str, writing: str, asked: str, verb: str
) -> None:
    """The path or the folder of a file, or a title: no foreign key leads there."""
    broken, kept = (SCANS.format(reading=reading, writing=writing.format(one)) for one in ("", asked))
    [finding] = of_rule(audited(broken), "chains")
    assert (finding.object, finding.actions) == ("public.scans", (verb,))
    assert finding.severity.word == "high"
    assert told(audited(kept), "chains") == []


def test_a_code_that_nobody_can_guess_may_open_something(audited: Audited) -> None:
    """Whoever says it was told it."""
    books = BY_TITLE.replace("title text not null", "title text not null unique")
    assert told(audited(SCANS.format(reading=books, writing=ADDS.format(""))), "chains") == []
