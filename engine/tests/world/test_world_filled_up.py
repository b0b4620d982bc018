"""A world that somebody wrote is filled up: nobody gets at rows of it by what is added."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pgassay.config import DEFAULT_PERSONAS
from pgassay.server import Server
from pgassay.world import fill
from tests.world.world_support import ALICE, BOB, loaded, make_bench, read

CAROL = "ca401000-0000-4000-8000-000000000004"
PEOPLE = {**DEFAULT_PERSONAS, "carol": replace(DEFAULT_PERSONAS["bob"], claims={"sub": CAROL})}
TEAM = "7ea30000-0000-4000-8000-000000000001"
TEAMS = """
create table public.teams (id uuid primary key default gen_random_uuid(), name text not null unique);
create table public.members (
    team uuid not null references public.teams, person uuid not null, primary key (team, person)
);
create table public.papers (id bigint primary key, team uuid not null references public.teams);
alter table public.papers enable row level security;
"""
ASKED_BY_A_POLICY = """
create policy "Members read papers" on public.papers for select using (exists (
    select from public.members as m where m.team = papers.team and m.person = (select auth.uid())
));
"""
ASKED_BY_THE_CONFIGURATION = {
    "public.papers": "(select array_agg(m.person) from public.members as m where m.team = t.team)"
}
WORLD = f"""
insert into public.teams values ('{TEAM}', 'North');
insert into public.papers values (1, '{TEAM}');
"""
MEMBER = f"insert into public.members values ('{TEAM}', '{ALICE}');"


def members(
    server: Server, folder: Path, schema: str, world: str, **settings: object
) -> set[tuple[str, str]]:
    """Team and person of each membership, after filling up."""
    path = folder / "world.sql"
    path.write_text(world, encoding="utf-8")
    bench = make_bench(server, folder, schema, world=path, personas=PEOPLE, **settings)
    with loaded(bench, fill(bench)) as connection:
        return set(read(connection, "select team::text, person::text from public.members"))


@pytest.mark.parametrize("asked", ["policy", "configuration"])
def test_outsiders_get_a_team_of_their_own(server: Server, tmp_path: Path, asked: str) -> None:
    by_policy = asked == "policy"
    found = members(
        server,
        tmp_path,
        TEAMS + (ASKED_BY_A_POLICY if by_policy else ""),
        WORLD + MEMBER,
        rows={} if by_policy else ASKED_BY_THE_CONFIGURATION,
    )
    teams = dict(sorted((person, team) for team, person in found))
    assert teams.keys() == {ALICE, BOB, CAROL}
    assert teams[ALICE] == TEAM
    assert len(found) == len(set(teams.values())) == 3  # each is alone in a team


def test_who_is_in_what_is_anothers_is_made_up_where_nobody_wrote_it(server: Server, tmp_path: Path) -> None:
    found = members(server, tmp_path, TEAMS + ASKED_BY_A_POLICY, WORLD)
    assert TEAM not in {team for team, _ in found}
    shared = [team for team, person in found if person == ALICE and (team, BOB) in found]
    assert len(shared) == 1
    assert (shared[0], CAROL) not in found
    assert {person for team, person in found if team not in shared} == {
        ALICE,
        CAROL,
    }  # Bob stays outside of hers


def test_rows_that_let_nobody_in_may_be_below_what_others_have(server: Server, tmp_path: Path) -> None:
    schema = (
        "create table public.posts (id bigint primary key, author uuid not null);"
        "create table public.likes (post bigint not null references public.posts, user_id uuid not null);"
    )
    (tmp_path / "world.sql").write_text(f"insert into public.posts values (1, '{ALICE}');", encoding="utf-8")
    bench = make_bench(server, tmp_path, schema, world=tmp_path / "world.sql")
    with loaded(bench, fill(bench)) as connection:
        likes = dict(read(connection, "select user_id::text, post from public.likes"))
    assert set(likes) == {ALICE, BOB}
    assert likes[ALICE] == 1


def test_numbers_of_a_sequence_stay_though_it_moves_on(server: Server, tmp_path: Path) -> None:
    schema = """
    create table public.teams (
        id bigint generated always as identity primary key,
        slug text not null unique check (slug ~ '^[a-z][a-z0-9-]{1,30}$')  -- the first proposal is none
    );
    create table public.members (
        team bigint not null references public.teams, person uuid not null references auth.users,
        primary key (team, person)
    );
    """
    bench = make_bench(server, tmp_path, schema)
    with loaded(bench, fill(bench)) as connection:
        people = {person for (person,) in read(connection, "select person::text from public.members")}
    assert people == {ALICE, BOB}
