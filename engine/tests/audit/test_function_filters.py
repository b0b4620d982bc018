"""Functions whose condition stands behind a filter or is about another row; functions about files."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow
RULE = "functions"

BOARDS = """
create table public.boards (id integer primary key, name text not null);
create table public.seats (
    board integer references public.boards, who uuid references auth.users, primary key (board, who)
);
create table public.minutes (
    id integer primary key, board integer not null references public.boards, body text not null, open boolean
);
alter table public.boards enable row level security;
alter table public.seats enable row level security;
alter table public.minutes enable row level security;
create function public.find_minutes({}) returns table (number integer, said text)
language sql stable security definer set search_path = '' as $$
    select m.id, m.body from public.minutes as m where {}
$$;
"""
SITS = "exists (select from public.seats as s where s.board = {} and s.who = auth.uid())"


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        ("words text, named integer default null", f"named is null or m.board = named and {SITS}"),
        ("named integer", f"m.board = coalesce(named, m.board) and (named is null or {SITS})"),
        ("named integer", f"case when named > 0 then m.board = named and {SITS} else true end"),
    ],
)
def test_who_leaves_the_filter_out_is_told_everything(audited: Audited, arguments: str, where: str) -> None:
    found = audited(BOARDS.format(arguments, where.format("named")))
    [(name, severity, actions)] = told(found, "functions")
    assert (name.split("(")[0], severity, actions) == ("public.find_minutes", "high", ("execute",))
    [finding] = of_rule(found, "functions")
    assert "leaves an argument of" in finding.sentence
    assert [step.shows for step in finding.steps] == ["no rows", "rows", "rows"]


def test_a_condition_beside_the_filter_is_one(audited: Audited) -> None:
    where = f"(named is null or m.board = named) and {SITS.format('m.board')}"
    assert told(audited(BOARDS.format("named integer default null", where)), "functions") == []


FILES = """
insert into storage.buckets (id, name, public) values ('scans', 'scans', false), ('zoo', 'zoo', false);
create policy "up" on storage.objects for insert to authenticated
with check (bucket_id = 'scans' and (storage.foldername(name))[1] = (select auth.uid())::text);
create policy "down" on storage.objects for select to authenticated
using (bucket_id = 'scans' and (storage.foldername(name))[1] = (select auth.uid())::text);
create function public.about({} language sql volatile security definer set search_path = '' as $$ {} $$;
revoke execute on function public.about from anon, public;
"""
FIND = "select o.name from storage.objects as o where o.bucket_id = 'scans' and o.name like words || '%'"
GIVE = "update storage.objects set owner_id = heir::text where bucket_id = 'scans' and name = path"
MINE = " and owner_id = auth.uid()::text"


@pytest.mark.parametrize(
    ("arguments", "body", "severity", "sentence"),
    [
        ("words text) returns setof text", FIND, "high", "gets from public.about(text) rows of"),
        ("path text, heir uuid) returns void", GIVE, "high", "changes rows of others in"),
    ],
)
def test_a_function_about_anybodys_files(
    audited: Audited, arguments: str, body: str, severity: str, sentence: str
) -> None:
    [finding] = of_rule(audited(FILES.format(arguments, body)), "functions")
    assert (finding.severity.word, sentence in finding.sentence) == (severity, True)
    assert "storage.objects[scans]" in finding.sentence
    assert told(audited(FILES.format(arguments, body + MINE)), "functions") == []


LABS = """
create table public.labs (id integer primary key, name text not null);
create table public.staff (
    lab integer references public.labs, who uuid references auth.users, primary key (lab, who)
);
create table public.samples (
    id integer primary key, lab integer not null references public.labs, label text not null
);
alter table public.labs enable row level security;
alter table public.staff enable row level security;
alter table public.samples enable row level security;
create policy "own" on public.samples for select to authenticated using (exists (
    select from public.staff as s where s.lab = samples.lab and s.who = (select auth.uid())
));
create policy "own" on public.staff for select to authenticated using (who = (select auth.uid()));
create function public.relabel(of_lab integer, sample integer, said text) returns setof text
language plpgsql security definer set search_path = '' as $$
begin
    if not exists (select from public.staff as s where s.lab = of_lab and s.who = auth.uid()) then
        raise exception 'not your laboratory';
    end if;
    return query {};
end $$;
"""
CHANGE = "update public.samples as s set label = said where s.id = sample{} returning s.label"
TELL = "select s.label from public.samples as s where s.id = sample{}"


@pytest.mark.parametrize(("body", "does"), [(CHANGE, "changes"), (TELL, "reads")])
def test_a_row_that_does_not_belong_to_the_one_that_is_asked_about(
    audited: Audited, body: str, does: str
) -> None:
    [finding] = of_rule(audited(LABS.format(body.format(""))), "functions")
    assert (finding.severity.word, f"{does} rows of others in" in finding.sentence) == ("high", True)
    assert "the row of public.labs that is named" in finding.sentence
    assert told(audited(LABS.format(body.format(" and s.lab = of_lab"))), "functions") == []
