"""`pgassay plans` and its stage of `pgassay verify`: what they report, and what they exit with."""

from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from pgassay.config import Config
from pgassay.errors import ConfigError, ExitCode
from pgassay.plans.command import parse_scale, show_plans
from pgassay.render.output import Output
from pgassay.server import Server
from pgassay.verdict import Status
from pgassay.verify import verify
from tests.plans.plan_support import CONTRACTS, LOAD, SCHEMA

UNWRAPPED = "alter policy own on public.notes using (person_id = auth.uid());\n"


def change(project: Config, statement: str) -> None:
    project.schema[0].write_text(SCHEMA + statement, encoding="utf-8")


def test_contracts_that_hold_are_good(
    project: Config, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show_plans(project, server, scale=0.01) is ExitCode.GOOD
    shown = capsys.readouterr().out
    lines = [line.split() for line in shown.splitlines()]
    assert ["holds", "my", "notes", "alice"] in [line[:4] for line in lines]
    assert ["notes_person_idx", "public.notes", "my", "notes"] in lines
    assert "\n5,050 rows: 1 of 1 contracts hold;" in shown


def test_report_as_json_names_contracts_and_indexes(
    project: Config, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    show_plans(project, server, scale=0.01, output=Output(shown="json"))
    document = json.loads(capsys.readouterr().out)
    (contract,) = document["contracts"]
    assert (contract["name"], contract["holds"], contract["why"]) == ("my notes", True, None)
    assert contract["plans"]["generic"]["indexes"] == ["notes_person_idx"]
    assert (document["version"], document["rows"], document["findings"]) == (1, 5050, [])
    needs = {index["name"]: (index["rule"], index["contracts"]) for index in document["indexes"]}
    assert needs == {
        "notes_person_idx": (False, ["my notes"]),
        "notes_pkey": (True, []),
        "people_pkey": (True, []),
    }


def test_broken_contract_and_unneeded_index_are_problems(
    project: Config, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    change(project, UNWRAPPED + "create index idle_idx on public.notes (words);\n")
    assert show_plans(project, server, scale=0.01, output=Output(shown="junit")) is ExitCode.SCHEMA_PROBLEM
    failures = {
        (case.get("classname"), case.get("name")): case[0].get("message")
        for case in ET.fromstring(capsys.readouterr().out).iter("testcase")
        if len(case)
    }
    assert failures == {
        ("contracts", "my notes"): "calls current_setting() in a condition of notes: "
        "the same for all rows; wrap it in (select …)",
        ("indexes", "idle_idx"): "idle_idx on notes is needed by no contract",
    }


def test_contract_that_does_not_fit_the_schema_can_not_be_judged(
    project: Config, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    project.plans[0].write_text(CONTRACTS.replace("public.notes", "public.no_such"), encoding="utf-8")
    project.schema[0].write_text(SCHEMA.replace("create index", "-- create index"), encoding="utf-8")
    assert show_plans(project, server, scale=0.01) is ExitCode.SCHEMA_PROBLEM  # the bare foreign key
    shown = capsys.readouterr().out
    [row, why] = shown.partition("  not judged  my notes")[2].splitlines()[:2]
    assert row.split() == ["alice"]
    assert why.startswith('    does not run: 42P01: relation "public.no_such"')
    change(project, "")
    project.plans[0].write_text(
        CONTRACTS.replace("public.notes", "public.no_such") + CONTRACTS.replace("my notes", "her notes"),
        encoding="utf-8",
    )
    assert show_plans(project, server, scale=0.01) is ExitCode.CANNOT_JUDGE


def test_stage_of_verify_reports_a_broken_contract_at_its_place(project: Config, server: Server) -> None:
    change(project, UNWRAPPED)
    (stage,) = [stage for stage in verify(project, server, only=("plans",)).stages if stage.name == "plans"]
    (finding,) = stage.findings
    assert finding.place
    assert (stage.status, finding.rule, finding.place.line) == (Status.PROBLEM, "plans", 3)
    assert finding.message.startswith("my notes, as alice: calls current_setting()")


def test_stage_of_verify_is_not_judged_where_the_load_does_not_fit(project: Config, server: Server) -> None:
    assert project.load
    project.load.write_text(LOAD.replace('"body"', '"title"'), encoding="utf-8")
    verdict = verify(project, server, only=("load", "plans"))
    (stage,) = [stage for stage in verdict.stages if stage.name == "plans"]
    assert stage.status is Status.NOT_JUDGED
    assert 'column "title" of relation "notes" does not exist' in stage.detail
    assert verdict.exit_code is ExitCode.CANNOT_JUDGE


def test_stage_of_verify_is_skipped_without_contracts(project: Config, server: Server) -> None:
    verdict = verify(replace(project, plans=()), server, only=("load", "plans"))
    details = {stage.name: (stage.status, stage.detail) for stage in verdict.stages}
    assert details["plans"] == (Status.SKIPPED, "no plan contracts configured")
    assert verdict.exit_code is ExitCode.GOOD


def test_contracts_without_a_load_are_a_mistake_of_configuration(project: Config, server: Server) -> None:
    with pytest.raises(ConfigError, match="nothing to load"):
        show_plans(replace(project, load=None), server, scale=0.01)


def test_second_assessment_copies_what_the_first_one_loaded(project: Config, server: Server) -> None:
    mark = project.root / "loaded"
    note = f"    with open({str(mark)!r}, 'a') as file:\n        file.write('x')\n"
    text = LOAD.replace("    yield", f"{note}    yield", 1)
    assert project.load
    project.load.write_text(text, encoding="utf-8")
    for _ in range(2):
        assert show_plans(project, server, scale=0.01) is ExitCode.GOOD
    assert mark.read_text(encoding="utf-8") == "x"


@pytest.mark.parametrize(("text", "scale"), [("hundredth", 0.01), ("full", 1), ("0.1", 0.1)])
def test_size_is_a_name_or_a_number(text: str, scale: float) -> None:
    assert parse_scale(text) == scale


@pytest.mark.parametrize("text", ["0", "-1", "nan", "much"])
def test_size_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_scale(text)
