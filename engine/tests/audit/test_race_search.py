"""`pgassay races` without a scenario."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgassay.audit.model import Finding
from pgassay.audit.rules import races
from pgassay.audit.rules.races import concurrency
from pgassay.audit.rules.races.concurrency import Budget
from pgassay.audit.run import audit
from pgassay.audit.scene import Scene
from pgassay.config import DEFAULT_PERSONAS, Config
from pgassay.errors import ExitCode
from pgassay.race_search.command import COMMAND, search
from pgassay.server import Server
from pgassay.supabase.environments import environment_files
from pgassay.workbench import Workbench

SCHEMA = """
create table public.purses (id uuid primary key references auth.users, coins integer not null);
alter table public.purses enable row level security;
create function public.spend() returns void language plpgsql security definer set search_path = '' as $$
declare
    had integer;
begin
    select p.coins into had from public.purses as p where p.id = auth.uid();
    update public.purses set coins = had - 1 where id = auth.uid();
end $$;
create function public.count_up() returns bigint language sql security definer set search_path = '' as $$
    insert into public.marks default values returning (select count(*) from public.marks)
$$;
"""
MARKS = "create table public.marks (id integer generated always as identity primary key);"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    path = tmp_path / "schema.sql"
    path.write_text(MARKS + SCHEMA, encoding="utf-8")
    return Config(
        root=tmp_path,
        schema=(path,),
        environment=environment_files("supabase"),
        personas=DEFAULT_PERSONAS,
        fill_world=True,
        find_personas=True,
    )


@pytest.mark.slow
def test_the_search_tells_stale_answers_too_and_where_it_looked(config: Config, server: Server) -> None:
    told: list[str] = []
    found = search(config, server, show=told.append)
    kinds = {f.object: f.sentence.rpartition("(")[2].rstrip(").") for f in found.findings}
    assert kinds == {"public.spend()": "lost update", "public.count_up()": "stale answer"}
    assert found.exit_code is ExitCode.SCHEMA_PROBLEM
    assert "public.spend() at once, pair 1 of 6" in told


@pytest.mark.slow
def test_what_the_budget_has_no_room_for_is_told(config: Config, server: Server) -> None:
    def find(scene: Scene) -> Iterator[Finding]:
        return races.find(scene, budget=Budget(pairs=1, of_pair=5))

    found = audit(Workbench(config, server), rules=(find,))
    assert list(found.untried) == [
        "public.spend() at once beyond 10 schedules",
        "2 more pairs of statements at once, such as public.count_up(): `pgassay races` does",
    ]
    assert [finding.object for finding in found.findings] == ["public.spend()"]


@pytest.mark.slow
def test_a_pair_that_asks_too_much_ends_itself_alone(
    config: Config, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(concurrency, "_STATEMENTS", 0)
    found = audit(Workbench(config, server), rules=(races.find,))
    told = [text for text in found.untried if text.endswith("beyond the first 0 statements: see --effort")]
    assert len(told) == len(found.untried) > 1


@pytest.mark.slow
def test_an_audit_does_not_tell_stale_answers(config: Config, server: Server) -> None:
    found = audit(Workbench(config, server), rules=(races.find,))
    assert [finding.object for finding in found.findings] == ["public.spend()"]
    assert found.untried == ()


def test_it_is_done_where_there_are_no_scenarios(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pgassay.toml").write_text('schema = ["schema.sql"]\n', encoding="utf-8")
    (tmp_path / "schema.sql").write_text("select 1;", encoding="utf-8")
    options = Namespace(
        search=False, scenario=[], replay="", project=None, schema=None, world=None, server=None
    )
    assert COMMAND.applies(options)
    (tmp_path / "pgassay.toml").write_text('schedules = ["schema.sql"]\n', encoding="utf-8")
    assert not COMMAND.applies(options)
    options.search = True
    assert COMMAND.applies(options)
