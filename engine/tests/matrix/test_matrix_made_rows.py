"""What the world that somebody wrote answers stays as it is; rows that are made beside it add lines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pgassay.matrix.assessment import Assessment, assess
from pgassay.matrix.baseline import DeviationKind, render_baseline
from pgassay.matrix.model import Cell
from pgassay.server import Server
from pgassay.workbench import Workbench
from pgassay.world import fill
from pgassay.world.model import World
from tests.world.world_support import ALICE, BOB, make_bench

GUARD = " and not banned"
SCHEMA = f"""
create table public.notes (
    id bigint primary key, author uuid not null, body text not null, banned boolean not null default false
);
create table public.comments (
    id bigint primary key, author uuid not null,
    note bigint not null references public.notes on delete cascade
);
alter table public.notes enable row level security;
create policy "own" on public.notes to authenticated using (author = (select auth.uid()){GUARD});
grant select, insert, update, delete on public.notes to authenticated;
"""
WORLD = f"""
insert into public.notes values (1, '{ALICE}', 'hers'), (2, '{BOB}', 'his');
insert into public.comments values (1, '{ALICE}', 1);
"""
MADE = "alice  public.notes  select  body  own, made  filtered"


@pytest.fixture
def bench(server: Server, tmp_path: Path) -> Workbench:
    world = tmp_path / "world.sql"
    world.write_text(WORLD, encoding="utf-8")
    return make_bench(server, tmp_path, SCHEMA, world=world)


def again(bench: Workbench, world: World | None = None, **changes: object) -> Assessment:
    config = replace(bench.config, **changes)  # type: ignore[arg-type]
    return assess(Workbench(config, bench.server), world=world)


def lines(found: Assessment) -> set[str]:
    return set(render_baseline(found.matrix).splitlines())


def test_made_rows_add_lines_and_change_none(bench: Workbench) -> None:
    alone, filled = lines(again(bench, fill_world=False)), lines(assess(bench))
    assert alone - filled == set()
    kept = {
        "alice  public.notes  select  body  own  allowed",
        "alice  public.notes  delete  -  own  allowed also comments -1",  # hers alone, and no made one
    }
    assert kept <= alone
    assert MADE in filled - alone
    assert "bob  public.comments  select  author  own  allowed" in filled - alone  # there was none of his


def test_made_rows_that_are_answered_as_written_ones_are_told_nowhere(bench: Workbench) -> None:
    [schema] = bench.config.schema
    schema.write_text(SCHEMA.replace(GUARD, " or banned"), encoding="utf-8")
    found = assess(bench)
    assert [line for line in lines(found) if "  select  " in line and "own, made" in line] == []
    tried = [cell for cell in found.matrix.cells if cell.key.made and is_alices_select(cell)]
    assert tried


def is_alices_select(cell: Cell) -> bool:
    return (cell.key.persona, cell.key.action.value, cell.key.rows.value) == ("alice", "select", "own")


def test_what_made_rows_tell_is_compared_with_the_baseline(bench: Workbench, tmp_path: Path) -> None:
    baseline, world = tmp_path / "access.matrix", fill(bench)
    baseline.write_text(render_baseline(assess(bench, world=world).matrix), encoding="utf-8")
    assert again(bench, world, baseline=baseline).differences == ()
    [schema] = bench.config.schema
    schema.write_text(SCHEMA.replace(GUARD, ""), encoding="utf-8")
    opened = {str(one): one.kind for one in again(bench, world, baseline=baseline).differences}
    sentence = "alice  public.notes  select  body  own, made: allowed (was: filtered)"
    assert opened[sentence] is DeviationKind.CHANGED
    text = "".join(line for line in baseline.read_text().splitlines(keepends=True) if MADE not in line)
    schema.write_text(SCHEMA, encoding="utf-8")
    baseline.write_text(text, encoding="utf-8")
    [added] = again(bench, world, baseline=baseline).differences
    assert (added.kind, added.question) == (DeviationKind.ADDED, MADE.rpartition("  ")[0])
