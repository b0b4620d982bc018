"""Survivors with the test that is missing: what the comparison of the two schemas finds, executed."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from pgassay.config import Config
from pgassay.database import Layer
from pgassay.mutation.model import MutationCampaign, Proposal
from pgassay.mutation.plan import Selection
from pgassay.mutation.proposals import propose_tests
from pgassay.mutation.report import report_mutants
from pgassay.mutation.run import Options, run_campaign
from pgassay.render.report import render_json, render_text
from pgassay.server import Server
from tests.mutation.mutation_support import SCHEMA, make_project

pytestmark = pytest.mark.slow

_SEES = "alice can now SELECT 1 of the rows of public.notes"
SELECTION = Selection(only=("WidenUsingToTrue", "ShortenPolicyList"))


@pytest.fixture(scope="module")
def listing(tmp_path_factory: pytest.TempPathFactory, environment: Layer) -> Config:
    """The tiny project, where notes with two numbers of stars are seen; its world has one of them."""
    root = tmp_path_factory.mktemp("listing")
    project = make_project(root, environment=environment.scripts[0].parent)
    text = SCHEMA.replace("using (owner = auth.uid())", "using (owner = auth.uid() and stars in (0, 1))")
    (root / "schema.sql").write_text(text, encoding="utf-8")
    return project


@pytest.fixture(scope="module")
def campaign(listing: Config, server: Server) -> MutationCampaign:
    return run_campaign(listing, server, Options(selection=SELECTION))


@pytest.fixture(scope="module")
def proposals(campaign: MutationCampaign, listing: Config, server: Server) -> Mapping[str, Proposal]:
    mutants = [fate.mutant for fate in campaign.survived]
    found = propose_tests(listing, server, mutants, statements=500, on_progress=lambda _: None)
    assert set(found) == {one.id for one in mutants}
    return {name.partition(":")[0]: proposal for name, proposal in found.items()}


def test_what_the_mutant_lets_through_is_shown_with_rows_and_a_statement(
    proposals: Mapping[str, Proposal],
) -> None:
    proposal = proposals["WidenUsingToTrue"]
    start = (
        "Only with the mutant: alice can now SELECT 1 of the rows of public.notes (was: 0), given stars = '2'"
    )
    assert proposal.says.startswith(start)
    lines = proposal.script.splitlines()
    assert "update public.notes set stars = '2' where id = '1';" in lines
    assert lines.index("set local role authenticated;") < lines.index(
        "select id::text from public.notes where id in ('1');"
    )
    assert "-- Run it with psql on a database that `pgassay up` and the statements of the mutant made" in (
        proposal.script
    )


def test_what_the_mutant_refuses_is_shown_on_the_schema_itself(proposals: Mapping[str, Proposal]) -> None:
    proposal = proposals["ShortenPolicyList"]
    assert proposal.says.startswith(
        "Only with the schema: alice can now SELECT 1 of the rows of public.notes"
    )
    assert "stars = '1'" in proposal.says
    assert "on a database that `pgassay up` made" in proposal.script
    assert "insert into public.notes (id, owner, stars) values (" in proposal.script


def test_report_has_the_missing_test_with_its_survivor(
    campaign: MutationCampaign, proposals: Mapping[str, Proposal]
) -> None:
    found = {fate.mutant.id: proposals[fate.mutant.operator] for fate in campaign.survived}
    report = report_mutants(campaign.with_proposals(found))
    text = render_text(report)
    assert text.count("A test that is missing: Only with the") == 2
    assert "    update public.notes set stars = '2' where id = '1';" in text
    survivors = json.loads(render_json(report))["survived"]
    assert all(one["missing_test"]["script"] == proposals[one["operator"]].script for one in survivors)
    assert all(
        "missing_test" not in one for one in json.loads(render_json(report_mutants(campaign)))["survived"]
    )
