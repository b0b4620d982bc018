"""The small project of the tests of plans: people and their notes."""

from __future__ import annotations

SUB = "a11ce000-0000-4000-8000-000000000001"
SCHEMA = """
create table public.people (id uuid primary key, name text not null default 'nobody');
create table public.notes (
    id bigint generated always as identity primary key,
    person_id uuid not null references public.people,
    body text not null check (body <> ''),
    words integer not null default 0
);
create index notes_person_idx on public.notes (person_id, id desc);
alter table public.notes enable row level security;
create policy own on public.notes to authenticated using (person_id = (select auth.uid()));
grant select, update on public.notes to authenticated;
create function public.refuse() returns trigger language plpgsql
as $$ begin raise exception 'no'; end $$;
create trigger first before insert on public.notes for each row execute function public.refuse();
create trigger second before truncate on public.notes for each statement execute function public.refuse();
alter table public.notes enable always trigger second;
alter table public.notes disable trigger first;
alter table public.notes enable trigger first;
"""
LOAD = f"""
from pgassay.plans import Rows

INVARIANTS = ("select id from public.people where name = ''",)
IDS = ["{SUB}", *(f"{{n:032x}}" for n in range(1, 50))]


def generate(scale):
    yield Rows(table="public.people", columns=("id",), lines=(f"{{i}}\\n" for i in IDS))
    lines = (f"{{IDS[n % 50]}}\\tnote {{n}}\\n" for n in range(int(500_000 * scale)))
    yield Rows(table="public.notes", columns=("person_id", "body"), lines=lines)
"""
CONTRACTS = """
[[contract]]
name = "my notes"
persona = "alice"
index = "notes_person_idx"
buffers = 60
rows_within = 2
query = "select * from public.notes where words >= $1"
parameters = [0]
"""
