"""Causes, ranking, acceptance: what needs no server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pgassay.audit.acceptance import accept, apply_acceptances, read_acceptances
from pgassay.audit.confirmation import witness_script
from pgassay.audit.model import ROWS, Audit, Finding, Repair, Severity, Step
from pgassay.audit.report import fixes_text, report_audit
from pgassay.audit.rules.expired.terms import compared_with_now
from pgassay.audit.run import one_of_each_cause, rank
from pgassay.audit.words import does_to
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


def test_lines_of_a_name_are_never_run() -> None:
    name = 'public."a\n\\! touch here\r\ndrop table public.b;"'
    hostile = replace(
        finding(name, Severity.HIGH),
        sentence=f"bob reads {name}.",
        steps=(Step(statement="select 1", shows=ROWS),),
        repair=Repair(statements=("revoke select on public.c from bob",), tried="tried"),
    )
    run = ["begin;", "set local role none;", "select 1;  -- shows rows", "rollback;"]
    assert without_comments(witness_script(hostile)) == run
    [entry] = report_audit(Audit(findings=(hostile,))).sections[0].entries
    assert without_comments(entry.code) == run
    assert without_comments(fixes_text(Audit(findings=(hostile,)))) == ["revoke select on public.c from bob;"]


def test_id_is_shown_as_a_shell_takes_it_where_the_report_asks_for_one() -> None:
    spaced = report_audit(Audit(findings=(finding('public."my posts"', Severity.HIGH),)))
    assert spaced.sections[0].entries[0].excerpt == "id    'views:public.\"my posts\":select:anon'"
    assert "--accept ID" in spaced.summary[0]
    known = report_audit(Audit(findings=(finding("a", Severity.INFO),)))
    assert "--accept" not in known.summary[0]


def without_comments(script: str) -> list[str]:
    return [line for line in script.splitlines() if line and not line.startswith("--")]


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


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("(t.due > now())", ["due"]),
        ("(( SELECT now() AS now) < public.calls.ends) and a", ["ends"]),
        ('if one."Ends"<pg_catalog.now() then', ["Ends"]),
        ("CURRENT_DATE >= day", ["day"]),
        ("now() - interval '1 day' < created_at", []),
        ("a > b and now() = c", []),
        ("'unfinished", []),
    ],
)
def test_term_is_what_is_compared_with_the_present(text: str, names: list[str]) -> None:
    assert list(compared_with_now(text)) == names


def test_what_is_done_to_many_objects_is_told_in_few_words() -> None:
    tables = [f"t{number}" for number in range(6)]
    deeds = [*(("update", name) for name in tables), ("delete", "t0"), ("select", "t0"), ("delete", "t0")]
    assert does_to(deeds, what="rows of") == (
        "changes, removes and reads rows of t0 and changes rows of t1, t2, t3 and 2 more"
    )
