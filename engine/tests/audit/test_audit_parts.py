"""Causes, ranking, acceptance: what needs no server."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgassay.audit.acceptance import accept, apply_acceptances, read_acceptances
from pgassay.audit.model import Audit, Finding, Severity
from pgassay.audit.run import one_of_each_cause, rank
from pgassay.errors import ConfigError


def finding(object_: str, severity: Severity, *, cause: str = "", rule: str = "views") -> Finding:
    return Finding(
        rule=rule,
        object=object_,
        actions=("select",),
        who=("anon",),
        severity=severity,
        sentence="It is so.",
        cause=cause,
        fingerprint="f1",
    )


def test_one_cause_is_one_finding_the_worst() -> None:
    some = [
        finding("a", Severity.LOW, cause="one"),
        finding("b", Severity.HIGH, cause="one"),
        finding("c", Severity.LOW),
        finding("d", Severity.LOW),
    ]
    assert [one.object for one in one_of_each_cause(some)] == ["b", "c", "d"]


def test_the_worst_comes_first() -> None:
    some = [finding("a", Severity.LOW), finding("b", Severity.CRITICAL), finding("c", Severity.HIGH)]
    assert [one.object for one in rank(some)] == ["b", "c", "a"]


def test_acceptance_is_kept_with_its_reason_and_others(tmp_path: Path) -> None:
    path = tmp_path / "audit.toml"
    audit = Audit(findings=(finding("a", Severity.HIGH), finding("b", Severity.HIGH)))
    accept(path, audit, "views:b:select:anon", 'Meant "so".\nAnd \\ more.')
    accept(path, audit, "views:a:select:anon", "Second.")
    marked = apply_acceptances(audit, read_acceptances(path))
    assert [one.accepted for one in marked.findings] == ["Second.", 'Meant "so".\nAnd \\ more.']
    assert (marked.exit_code, marked.expired, audit.exit_code) == (0, (), 1)


def test_acceptance_of_nothing_is_refused_and_of_what_is_gone_expires(tmp_path: Path) -> None:
    path = tmp_path / "audit.toml"
    audit = Audit(findings=(finding("a", Severity.HIGH),))
    with pytest.raises(ConfigError, match="There is no finding"):
        accept(path, audit, "views:b:select:anon", "No.")
    accept(path, audit, "views:a:select:anon", "Yes.")
    assert apply_acceptances(Audit(), read_acceptances(path)).expired == (
        "views:a:select:anon: nothing is found any more",
    )
