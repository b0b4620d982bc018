"""Annotations on GitHub: whatever a name holds, each stays one command, and says what was meant."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pgassay.diff.report import report_review
from pgassay.errors import Place, SchemaError, printable
from pgassay.matrix.report import MATRIX_FORMATS
from pgassay.render.ci import Annotation, render_annotations
from pgassay.render.report import render_github
from pgassay.verify.report import report_verdict
from tests.render.report_samples import ASSESSMENT, HOSTILE, REVIEW, VERDICT


def parse(line: str) -> tuple[str, dict[str, str], str]:
    """Level, properties and message of a command, as the runner reads it."""
    assert line.startswith("::")
    head, _, message = line[2:].partition("::")
    level, _, properties = head.partition(" ")
    named = dict(one.split("=", 1) for one in properties.split(","))
    return level, {name: decode(value) for name, value in named.items()}, decode(message)


def decode(text: str) -> str:
    for code, character in {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}.items():
        text = text.replace(code, character)
    return text


def parsed(report: str) -> list[tuple[str, dict[str, str], str]]:
    return [parse(line) for line in report.splitlines()]


def test_message_and_title_arrive_as_they_were_whatever_they_hold() -> None:
    place = Place(file=Path("a,b:c%0A\n.sql"), line=7)
    annotation = Annotation(level="error", title=HOSTILE, message=HOSTILE, place=place)
    [(level, properties, message)] = parsed(render_annotations([annotation]))
    assert (level, message) == ("error", printable(HOSTILE))
    assert properties == {"file": "a,b:c%0A\n.sql", "line": "7", "title": printable(HOSTILE)}


def test_command_is_spelled_as_the_runner_wants_it() -> None:
    annotation = Annotation(level="error", title="a, b: 100 %", message="one: 5 %,\r\ntwo")
    assert render_annotations([annotation]) == (
        "::error title=a%2C b%3A 100 %25::one: 5 %25,\N{REPLACEMENT CHARACTER}%0Atwo\n"
    )


@pytest.mark.parametrize(
    "report",
    [
        pytest.param(render_github(report_verdict(VERDICT)), id="verify"),
        pytest.param(MATRIX_FORMATS["github"](ASSESSMENT), id="matrix"),
        pytest.param(render_github(report_review(REVIEW)), id="diff"),
    ],
)
def test_hostile_names_begin_no_command_of_their_own(report: str) -> None:
    found = parsed(report)
    assert any("::error title=owned::b" in message for _, _, message in found)
    assert all(title.startswith("pgassay") for _, properties, _ in found for title in [properties["title"]])


def test_gain_is_an_error_on_the_line_that_caused_it_and_the_rest_are_notices() -> None:
    gained, lost, changed, verdict = parsed(render_github(report_review(REVIEW)))
    assert gained[:2] == (
        "error", {"file": "schema.sql", "line": "7", "title": "pgassay: access gained"},
    )  # fmt: skip
    assert gained[2].endswith("\nAs bob: select id from public.t")
    assert [one[0] for one in (lost, changed, verdict)] == ["notice"] * 3
    assert verdict[2].startswith("origin/main → the working tree: 1 gained, 1 lost, 1 changed\n")


def test_accepted_gain_is_a_warning() -> None:
    levels = [level for level, _, _ in parsed(render_github(report_review(replace(REVIEW, accepted=True))))]
    assert levels == ["warning", "notice", "notice", "notice"]


def test_head_that_does_not_load_is_an_error_on_its_line() -> None:
    place = Place(file=Path("schema.sql"), line=3)
    broken = replace(REVIEW, fault=SchemaError("It does not parse.", place=place))
    (level, properties, message), _ = parsed(render_github(report_review(broken)))
    assert (level, properties["file"], properties["line"]) == ("error", "schema.sql", "3")
    assert message == "It does not parse."


def test_verdict_names_findings_what_was_not_judged_and_what_was_skipped() -> None:
    found = [
        (level, p["title"], p.get("line")) for level, p, _ in parsed(render_github(report_verdict(VERDICT)))
    ]
    assert found == [
        ("error", "pgassay: lint.CP01", "7"),
        ("error", "pgassay: matrix not judged", None),
        ("error", "pgassay: suite", None),
        ("notice", "pgassay verify", None),
        ("notice", "pgassay verify", None),
    ]
    *_, (_, _, verdict) = parsed(render_github(report_verdict(VERDICT)))
    assert verdict.startswith("verdict: problem\nload: good, schema.sql\nlint: problem, ")


def test_cell_not_as_accepted_is_an_error_on_the_line_of_the_baseline() -> None:
    found = parsed(MATRIX_FORMATS["github"](ASSESSMENT))
    changed = [(p["file"], p["line"]) for level, p, _ in found if level == "error" and "line" in p]
    assert changed == [("access.matrix", "9"), ("access.matrix", "12")]
    assert found[-1][0] == "notice"
    assert "2 not as in" in found[-1][2]


def test_paths_are_those_of_the_repository_wherever_the_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a repository" / ".git").mkdir(parents=True)
    (tmp_path / "a repository" / "db").mkdir()
    monkeypatch.chdir(tmp_path / "a repository" / "db")
    place = Place(file=tmp_path / "a repository" / "db" / "schema.sql", line=1)
    [(_, properties, _)] = parsed(
        render_annotations([Annotation(level="notice", title="t", message="m", place=place)])
    )
    assert properties["file"] == "db/schema.sql"
