"""One schema has one matrix, whichever version of PostgreSQL it is asked on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgassay.config import Config, PersonaConfig
from pgassay.database import open_session
from pgassay.errors import ServerError
from pgassay.matrix.assessment import assess
from pgassay.matrix.baseline import render_baseline
from pgassay.server import Server, open_server
from pgassay.supabase.environments import environment_files
from pgassay.workbench import Workbench

SCHEMA = """
create table public.parents (id integer primary key, name text not null);
create table public.strict_children (id integer primary key references public.parents on delete restrict);
create table public.children (id integer primary key references public.parents);
create function public.refuse() returns trigger language plpgsql as
$$ begin raise exception 'never' using errcode = '23001'; end $$;
create table public.kept (id integer primary key);
create trigger refuse before delete on public.kept for each row execute function public.refuse();
insert into public.parents values (1, 'with a strict child'), (2, 'with a child'), (3, 'alone');
insert into public.strict_children values (1);
insert into public.children values (2);
insert into public.kept values (1);
grant all on all tables in schema public to authenticated;
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Tables whose rows are kept by others and by a trigger."""
    schema = tmp_path_factory.mktemp("versions") / "schema.sql"
    schema.write_text(SCHEMA)
    alice = PersonaConfig(role="authenticated", claims={"sub": "a11ce000-0000-4000-8000-000000000001"})
    return replace(
        Config(),
        schema=(schema,),
        environment=environment_files("supabase"),
        personas={"alice": alice},
    )


def cells(project: Config, server: Server) -> list[str]:
    return render_baseline(assess(Workbench(project, server)).matrix).splitlines()


def test_kept_row_is_23503_and_what_a_function_raises_is_its_own(project: Config, server: Server) -> None:
    lines = [line.split("  ", 1)[1] for line in cells(project, server) if "  delete  " in line]
    assert (
        "public.parents  delete  -  public  allowed when 1 of 3 rows; rejected 23503 when 2 of 3 rows"
        in lines
    )
    assert "public.kept  delete  -  public  rejected 23001" in lines


def test_session_tells_the_same(project: Config, server: Server) -> None:
    with Workbench(project, server).database() as database, open_session(database) as session:
        told = [session.attempt(query).sqlstate for query in (
            "delete from public.parents where id = 1",
            "delete from public.parents where id = 2",
            "delete from public.kept",
        )]  # fmt: skip
    assert told == ["23503", "23503", "23001"]


@pytest.mark.slow
@pytest.mark.parametrize("version", [15, 16, 17, 18])
def test_matrix_is_the_same_to_the_letter(project: Config, server: Server, version: int) -> None:
    here = cells(project, server)
    try:
        with open_server(str(version)) as other:
            assert other.version // 10000 == version
            assert cells(project, other) == here
    except ServerError as error:
        pytest.skip(error.what)
