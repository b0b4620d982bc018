"""JUnit's XML: it is what CI servers accept, whatever a name holds, and counts what there is."""

from __future__ import annotations

from dataclasses import replace
from xml.etree.ElementTree import Element, fromstring

import pytest

from pgassay.diff.report import report_review
from pgassay.errors import SchemaError
from pgassay.matrix.report import MATRIX_FORMATS
from pgassay.render.report import render_junit
from pgassay.verify.report import report_verdict
from tests.render.report_samples import ASSESSMENT, REVIEW, VERDICT

# Jenkins's junit-10.xsd: of each element the attributes, those that it must have, and the children.
SCHEMA = {
    "testsuites": ("name time tests failures disabled errors", "", "testsuite"),
    "testsuite": (
        "name tests failures errors time disabled skipped timestamp hostname id package group url",
        "name tests",
        "properties testcase system-out system-err",
    ),
    "testcase": (
        "name assertions time timestamp classname status class file line score lastscore",
        "name",
        "skipped error failure system-out system-err",
    ),
    "failure": ("type message", "", ""),
    "error": ("type message", "", ""),
    "skipped": ("type message", "", ""),
    "system-out": ("", "", ""),
}
COUNTS = {"failures": "failure", "errors": "error", "skipped": "skipped"}


def check(element: Element) -> None:
    """Raise AssertionError where an element is not as the schema has it."""
    allowed, required, children = (words.split() for words in SCHEMA[element.tag])
    assert set(required) <= set(element.keys()) <= set(allowed)
    assert {child.tag for child in element} <= set(children)
    if element.tag != "testcase":
        assert element.get("tests") in (None, str(len(list(element.iter("testcase")))))
        for attribute, tag in COUNTS.items():
            assert element.get(attribute) in (None, str(len(list(element.iter(tag)))))
    for child in element:
        check(child)


def counts(report: str) -> dict[str | None, tuple[str | None, ...]]:
    """Tests, failures, errors and skipped by suite."""
    return {
        suite.get("name"): tuple(suite.get(name) for name in ("tests", "failures", "errors", "skipped"))
        for suite in fromstring(report)
    }


REPORTS = {
    "verify": render_junit(report_verdict(VERDICT)),
    "matrix": MATRIX_FORMATS["junit"](ASSESSMENT),
    "diff": render_junit(report_review(REVIEW)),
}


@pytest.mark.parametrize("name", REPORTS)
def test_report_satisfies_the_schema_and_hostile_names_stay_text(name: str) -> None:
    document = fromstring(REPORTS[name])
    check(document)
    values = [
        value for element in document.iter() for value in (*element.attrib.values(), element.text or "")
    ]
    assert any("::error title=owned::b" in value for value in values)


def test_checker_of_the_schema_refuses_what_is_not_in_it() -> None:
    for wrong in ('<testsuites skipped="0"/>', '<testsuites><testsuite name="a" tests="1"/></testsuites>'):
        with pytest.raises(AssertionError):
            check(fromstring(wrong))


def test_matrix_has_a_suite_for_each_persona_and_a_case_for_each_cell() -> None:
    assert counts(REPORTS["matrix"]) == {
        "anon": ("12", "0", "0", "1"),  # one class of rows had no row
        "alice": ("25", "1", "0", "0"),
        "bob": ("25", "0", "1", "0"),
        "eve": ("1", "1", "0", "0"),  # a stale line
    }


def test_cell_not_as_accepted_fails_with_its_place_and_witness() -> None:
    [failed] = fromstring(REPORTS["matrix"]).findall("testsuite[@name='alice']/testcase[failure]")
    [failure] = failed
    assert (failed.get("classname"), failed.get("name")) == ("alice public.notes", "select own")
    assert (failed.get("file"), failed.get("line")) == ("access.matrix", "9")
    assert failure.get("message") == "alice  public.notes  select  -  own: allowed (was: filtered)"
    assert failure.text == "as alice: select … public.notes -"


def test_without_a_baseline_nothing_passes() -> None:
    report = MATRIX_FORMATS["junit"](replace(ASSESSMENT, baseline=None, differences=()))
    assert counts(report)["alice"] == ("25", "0", "0", "25")


def test_only_what_was_gained_and_not_accepted_fails() -> None:
    others = dict.fromkeys(("load", "lost", "changed"), ("1", "0", "0", "0")) | {"new": ("0", "0", "0", "0")}
    assert counts(REPORTS["diff"]) == others | {"gained": ("1", "1", "0", "0")}
    accepted = render_junit(report_review(replace(REVIEW, accepted=True)))
    assert counts(accepted) == others | {"gained": ("1", "0", "0", "0")}
    for report in (REPORTS["diff"], accepted):
        [gain] = fromstring(report).findall("testsuite[@name='gained']/testcase/*")
        assert "select id from public.t;" in (gain.text or "")


def test_head_that_does_not_load_fails() -> None:
    report = render_junit(report_review(replace(REVIEW, fault=SchemaError("It does not parse."))))
    [failure] = fromstring(report).findall("testsuite[@name='load']/testcase/failure")
    assert failure.text == "It does not parse."
