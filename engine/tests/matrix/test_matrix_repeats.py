"""The same schema and world give the same matrix to the letter, though keys are drawn at random."""

from __future__ import annotations

from psycopg import Rollback

from pgassay.database import Session
from pgassay.matrix.assessment import Assessment
from pgassay.matrix.baseline import render_baseline
from pgassay.matrix.report import render_matrix_text
from pgassay.matrix.survey import survey
from pgassay.observation import Persona

LISTS = """
create table public.lists (id uuid primary key default gen_random_uuid());
create table public.items (
    id int primary key generated always as identity, list_id uuid references public.lists on delete cascade
);
insert into public.lists select from generate_series(1, 20);
insert into public.items (list_id) select id from public.lists limit 1;
create table public.crew (
    list_id uuid references public.lists on delete cascade,
    user_id uuid, role text, primary key (list_id, user_id)
);
alter table public.crew enable row level security;
create policy "staff" on public.crew using (role = 'staff');
grant all on public.crew to anon;
insert into public.crew
select id, gen_random_uuid(), case when row_number() over () % 2 = 0 then 'staff' else 'guest' end
from public.lists
"""
TIMES = 6  # the first rows of two drawn orders are alike once in twenty


def test_drawn_keys_change_no_line(club_session: Session, anon: Persona) -> None:
    matrices = []
    for _ in range(TIMES):
        with club_session.connection.transaction() as transaction:
            for statement in LISTS.split(";"):
                club_session.execute(statement)
            matrix = survey(club_session, [anon], only={"public.lists", "public.items", "public.crew"})
            told = render_matrix_text(Assessment(matrix=matrix, baseline=None, differences=()))
            matrices.append(render_baseline(matrix) + told)
            raise Rollback(transaction)
    assert "items -1" in matrices[0]
    assert set(matrices) == {matrices[0]}
