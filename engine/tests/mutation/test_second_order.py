"""Two changes of one function at once: which pairs there are, what they become, what a run says of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pgassay.catalog.model import Function
from pgassay.config import Config
from pgassay.database import Layer
from pgassay.errors import ExitCode
from pgassay.mutation.model import Mutant, MutantStatus, MutationCampaign
from pgassay.mutation.pairs import find_pairs, join, name_pair, sample_pairs
from pgassay.mutation.plan import Selection, plan_mutants
from pgassay.mutation.report import map_guards, report_mutants
from pgassay.mutation.run import Options, run_campaign
from pgassay.plpgsql.definitions import NO_DEFINITIONS
from pgassay.render.report import render_json, render_text
from pgassay.server import Server
from tests.mutation.mutation_support import make_project


def function(name: str, body: str, *, language: str = "sql") -> Function:
    head = f"CREATE OR REPLACE FUNCTION public.{name}(n integer)\n RETURNS integer\n LANGUAGE {language}\n"
    return Function(
        function=f"public.{name}(integer)", language=language, definition=f"{head}AS $f$ {body} $f$",
        body=f" {body} ", definer=False, volatility="v", strict=False,
    )  # fmt: skip


def mutants(*functions: Function) -> tuple[Mutant, ...]:
    return plan_mutants(functions, places=NO_DEFINITIONS)


def named(mutants: tuple[Mutant, ...], what: str) -> Mutant:
    [found] = [one for one in mutants if what in one.description]
    return found


def statement_of(pair: Mutant) -> str:
    return pair.statements[0].rpartition("AS ")[2].strip("$pgasy ")


_NAMES = "for m in select relname from pg_class loop"
PRICE = function("price", "select n + 2 where n > 3")
TAX = function("tax", "select n - 7 where n > 8")


def test_both_changes_are_made_also_in_one_query() -> None:
    [sum_, above] = (named(mutants(PRICE), what) for what in ("2 became 3", "3 became 4"))
    [pair] = join(sum_, above)
    assert statement_of(pair) == "SELECT n + 3 WHERE n > 4"
    assert pair.description == "Function public.price(integer) says: 2 became 3, and says: 3 became 4."
    assert (pair.operator, pair.parts) == ("SecondOrder", (sum_.id, above.id))


def test_statement_that_is_gone_and_one_that_is_moved_are_gone_and_moved() -> None:
    body = f"declare m text; begin {_NAMES} n := n + 1; perform m; end loop; end"
    both = mutants(function("count", body, language="plpgsql"))
    [pair] = join(named(both, "runs before its loop: n := n + 1"), named(both, "lacks: perform m"))
    assert (
        "begin n := n + 1; for m in select relname from pg_class loop  null; end loop; end"
        in pair.statements[0]
    )


def test_conditions_of_an_if_and_what_stands_between_them_are_changed_together() -> None:
    body = "begin if n > 2 then n := n::int + '7';   elsif n > 3 then n := 8; end if; end"
    both = mutants(function("count", body, language="plpgsql"))
    [pair] = join(named(both, "8 became 9"), named(both, "3 became 4"))
    assert "then n := n::int + '7';   elsif n > 4 then n := 9; end if" in pair.statements[0]


def test_what_alter_says_comes_after_the_body() -> None:
    both = mutants(PRICE)
    for pair in (
        [named(both, "SECURITY DEFINER"), named(both, "2 became 3")],
        [named(both, "2 became 3"), named(both, "SECURITY DEFINER")],
    ):
        [joined] = join(pair[0], pair[1])
        assert [one.split(" ", 1)[0] for one in joined.statements] == ["CREATE", "alter"]


def test_change_of_what_the_first_took_away_and_one_that_takes_it_back_are_no_pairs() -> None:
    both = mutants(PRICE)
    gone, shifted = (named(both, what) for what in ("n > 3 is gone", "3 became 4"))
    assert list(join(gone, shifted)) == []


@pytest.mark.parametrize(
    ("body", "operator", "joined"),
    [
        ("select old.n - new.n", "SwapOldAndNew", ["SELECT new.n - old.n"]),
        (
            "select n in (1, 2), n in (1, 2), n in (1, 2)",
            "ShortenList",
            ["SELECT n IN (2), n IN (1, 2), n IN (2)", "SELECT n IN (2), n IN (1, 2), n IN (1)"],
        ),
    ],
)
def test_of_places_that_say_the_same_the_one_is_changed_that_is_meant(
    body: str, operator: str, joined: list[str]
) -> None:
    first, *others = (one for one in mutants(function("same", body)) if one.operator == operator)
    pairs = [pair for other in others[-2:] for pair in join(first, other)]
    assert [statement_of(pair) for pair in pairs] == joined


def test_only_parts_that_one_test_killed_are_drawn_in_turn_from_each_function() -> None:
    every = mutants(PRICE, TAX)
    killers = {one.id: "test_a" for one in every if one.operator in ("ShiftNumber", "SwapSigns")}
    found = sample_pairs(every, killers, count=4, seed=1)
    assert [one.target.object for one in found] == ["public.price(integer)", "public.tax(integer)"] * 2
    names = {one.id for one in every if one.id in killers}
    assert all(set(one.parts) <= names for one in found)
    assert len({one.statements for one in found}) == 4


def test_no_pair_where_other_tests_killed_the_parts_or_none_did() -> None:
    every = mutants(PRICE)
    assert sample_pairs(every, {one.id: one.id for one in every}, count=9, seed=1) == []
    assert sample_pairs(every, {every[0].id: "test_a"}, count=9, seed=1) == []


def test_seed_fixes_which_pairs_are_drawn_and_their_order() -> None:
    every = mutants(PRICE, TAX)
    killers = {one.id: "test_a" for one in every}
    drawn = [[one.id for one in sample_pairs(every, killers, count=6, seed=seed)] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[0][:2] == [one.id for one in sample_pairs(every, killers, count=2, seed=1)]


def test_pair_is_found_by_its_id_whoever_killed_its_parts() -> None:
    every = mutants(PRICE, TAX)
    one, other = (named(every, what) for what in ("7 became 8", "8 became 9"))
    found = find_pairs(every, [name_pair(one, other), "SecondOrder:public.tax(integer):00000000"])
    assert [pair.parts for pair in found] == [(one.id, other.id)]


_SCHEMA = "create function public.same(n int) returns int language sql as 'select n + 2 - 2';"
_SUITE = """
def test_same(session):
    assert session.value("select public.same(5)") == 5
"""
SELECTION = Selection(only=("SwapSigns",))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, environment: Layer) -> Iterator[Config]:
    root = tmp_path_factory.mktemp("pairs")
    project = make_project(root, environment=environment.scripts[0].parent, suite=_SUITE)
    (root / "schema.sql").write_text(_SCHEMA, encoding="utf-8")
    (root / "world.sql").write_text("select 1;", encoding="utf-8")
    yield project


@pytest.fixture(scope="module")
def campaign(project: Config, server: Server) -> MutationCampaign:
    return run_campaign(project, server, Options(selection=SELECTION, second_order=9))


@pytest.mark.slow
def test_pair_survives_the_test_that_kills_each_part(campaign: MutationCampaign) -> None:
    *parts, pair = campaign.fates
    assert [one.result.status for one in parts] == [MutantStatus.KILLED] * 2
    assert {one.result.by for one in parts} == {"tests/test_notes.py::test_same"}
    assert pair.mutant.parts == tuple(one.mutant.id for one in parts)
    assert pair.result.status is MutantStatus.SURVIVED
    assert campaign.exit_code is ExitCode.SCHEMA_PROBLEM


@pytest.mark.slow
def test_report_has_pairs_as_a_category_of_their_own(campaign: MutationCampaign) -> None:
    report = report_mutants(campaign)
    lines = render_text(report).splitlines()
    assert lines[0] == "survived, of two changes"
    assert "1 of them of two changes: 0 killed, 1 survived" in lines
    document = json.loads(render_json(report))
    [survivor] = document["survived"]
    assert document["second_order"] == [survivor["mutant"]]
    assert len(survivor["parts"]) == 2
    [guard] = map_guards(campaign)
    assert (guard.killed, guard.valid) == (2, 2)


@pytest.mark.slow
def test_pair_is_asked_for_by_name_and_listed_as_equivalent(
    campaign: MutationCampaign, project: Config, server: Server, tmp_path: Path
) -> None:
    name = campaign.survived[0].mutant.id
    again = run_campaign(project, server, Options(selection=Selection(only=(name,))))
    assert [(one.mutant.id, one.result.status) for one in again.fates] == [(name, MutantStatus.SURVIVED)]
    file = tmp_path / "listed.toml"
    file.write_text(
        f"[[equivalent]]\nmutant = '{name}'\nreason = 'nothing is left of it'\n", encoding="utf-8"
    )
    listed = replace(project, mutants=file)
    found = run_campaign(listed, server, Options(selection=SELECTION, second_order=9))
    assert [one.mutant.id for one in found.equivalent] == [name]
    assert (found.stale, found.exit_code) == ((), ExitCode.GOOD)
    without = run_campaign(listed, server, Options(selection=SELECTION))
    assert (without.stale, without.exit_code) == ((), ExitCode.GOOD)
