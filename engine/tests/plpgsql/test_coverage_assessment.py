"""What is missing, exempt and stale; what the exit code says of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pgassay.catalog.model import Function, Policy
from pgassay.coverage.inventory import (
    CountedFunction,
    CountedPolicy,
    CoverageInventory,
    Uncounted,
    find_atoms,
)
from pgassay.coverage.report import (
    Coverage,
    Exemption,
    Measurement,
    assess_coverage,
    read_exemptions,
    report_coverage,
)
from pgassay.errors import ConfigError, ExitCode, Place
from pgassay.plpgsql.rewriting import find_branches, find_points
from pgassay.render.report import render_json, render_markdown, render_text
from pgassay.verdict import Case, Counts, Stage, Status

BODY = "\nbegin\n    if a then return 1; end if;\n    return 2;\nend"
FUNCTION = Function(
    function="public.f(boolean)",
    language="plpgsql",
    definition=f"create function public.f(a boolean) returns int language plpgsql as $${BODY}$$",
    body=BODY,
    definer=False,
    volatility="v",
    strict=False,
)
BODY_PLACE = Place(file=Path("schema.sql"), line=10)
POLICY = Policy(
    table="public.t", name="own", command="all", permissive=True, roles=("public",),
    using="(NOT (a OR (b IS NULL)))", check=None,
)  # fmt: skip
POLICY_PLACE = Place(file=Path("schema.sql"), line=20)
INVENTORY = CoverageInventory(
    functions=(
        CountedFunction(
            function=FUNCTION,
            points=find_points(FUNCTION, place=BODY_PLACE),
            branches=find_branches(FUNCTION, place=BODY_PLACE),
        ),
    ),
    policies=(CountedPolicy(policy=POLICY, atoms=find_atoms(POLICY, place=POLICY_PLACE)),),
    refused=(),
    beyond=(Uncounted(subject="public.v", reason="is a view"),),
)
EVERYTHING = {
    **{f"public.f(boolean)#{k}": 1 for k in (1, 2, 3)},
    **{f"public.f(boolean)~{k}": 1 for k in (1, 2)},
    **{f'"own" on public.t@{k} {truth}': 1 for k in (1, 2) for truth in ("true", "false")},
}
SUITES = Stage(name="suites", status=Status.GOOD, detail="tests 5 passed", counts={"tests": Counts(passed=5)})

TEXT = """\
  statements   branches                 function
   2/3  66 %  1/2  50 %  schema.sql:12  public.f(boolean)

      atoms                 policy (each atom seen true, seen false)
  3/4  75 %  schema.sql:20  "own" on public.t

never seen
  schema.sql:12  public.f(boolean): return 1;
  schema.sql:20  "own" on public.t: using b IS NULL is true

never taken (branches; they need not be)
  schema.sql:12  public.f(boolean): if a then

not counted: no statements to put a probe before
  public.v is a view

failed with counters only, which change plans and texts
     1 in tests/test_plans.py

suites: tests 5 passed
seen 2 of 3 statements, 1 of 2 branches, 3 of 4 atoms in 1.5 s: problem
"""


def without(*names: str) -> dict[str, int]:
    return {name: count for name, count in EVERYTHING.items() if name not in names}


def measure(
    coverage: Coverage, *, failed: tuple[Case, ...] = (), unread: tuple[str, ...] = ()
) -> Measurement:
    disturbed = (Case(name="tests/test_plans.py::test_index", outcome="failed"),)
    return Measurement(
        coverage=coverage, suites=SUITES, failed=failed, disturbed=disturbed, unread=unread, seconds=1.5
    )


def test_nothing_is_missing_when_everything_was_seen() -> None:
    coverage = assess_coverage(INVENTORY, EVERYTHING, ())
    assert (coverage.missing, coverage.untaken, coverage.stale) == ((), (), ())
    assert measure(coverage).exit_code is ExitCode.GOOD


def test_unseen_statements_and_truths_are_missing_and_unseen_branches_only_told() -> None:
    counts = without("public.f(boolean)#2", "public.f(boolean)~1", '"own" on public.t@2 true')
    coverage = assess_coverage(INVENTORY, counts, ())
    assert [(item.subject, item.what, str(item.place)) for item in coverage.missing] == [
        ("public.f(boolean)", "return 1;", "schema.sql:12"),
        ('"own" on public.t', "using b IS NULL is true", "schema.sql:20"),
    ]
    assert [item.what for item in coverage.untaken] == ["if a then"]
    assert measure(coverage).exit_code is ExitCode.SCHEMA_PROBLEM


def test_branch_alone_fails_nothing() -> None:
    assert measure(assess_coverage(INVENTORY, without("public.f(boolean)~2"), ())).exit_code is ExitCode.GOOD


def test_function_that_cannot_be_counted_is_missing() -> None:
    refused = (Uncounted(subject="public.g()", reason="odd"),)
    inventory = CoverageInventory(functions=(), policies=(), refused=refused, beyond=())
    (item,) = assess_coverage(inventory, {}, ()).missing
    assert (item.subject, item.what) == ("public.g()", "no probe can be placed: odd")


def test_exemption_takes_its_item_off_and_is_stale_once_the_item_was_seen() -> None:
    exemptions = (Exemption(subject="public.f(boolean)", what="return 1;", reason="why not"),)
    exempt = assess_coverage(INVENTORY, without("public.f(boolean)#2"), exemptions)
    assert (exempt.missing, exempt.stale) == ((), ())
    assert measure(exempt).exit_code is ExitCode.GOOD
    stale = assess_coverage(INVENTORY, EVERYTHING, exemptions)
    assert stale.stale == exemptions
    assert measure(stale).exit_code is ExitCode.SCHEMA_PROBLEM


def test_lost_counts_are_no_verdict_and_red_suites_are_a_problem() -> None:
    coverage = assess_coverage(INVENTORY, EVERYTHING, ())
    assert measure(coverage, unread=("gone",)).exit_code is ExitCode.CANNOT_JUDGE
    failed = (Case(name="tests/test_x.py::test_y", outcome="failed"),)
    assert measure(coverage, failed=failed).exit_code is ExitCode.SCHEMA_PROBLEM


def test_exemptions_are_read(tmp_path: Path) -> None:
    path = tmp_path / "uncovered.toml"
    assert read_exemptions(path) == ()
    assert read_exemptions(None) == ()
    path.write_text("[[uncovered]]\nsubject = 'f()'\nwhat = 'return 1;'\nreason = 'é'\n", encoding="utf-8")
    assert read_exemptions(path) == (Exemption(subject="f()", what="return 1;", reason="é"),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[[uncovered]]\nsubject = 'f()'\nwhat = 'return 1;'\n",
            r"entry 1 of .*missing required field `reason`",
        ),
        (
            "[[uncovered]]\nsubject = 'f()'\nwhat = 'x'\nreason = ' '\n",
            r"reason in entry 1 of .*Expected `str` matching regex",
        ),
        ("[[uncoverd]]\nsubject = 'f()'\n", ": unknown key uncoverd"),
        ("[[", "Cannot read"),
    ],
)
def test_exemption_without_a_reason_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "uncovered.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        read_exemptions(path)


def test_text_is_aligned_and_names_what_was_never_seen() -> None:
    counts = without("public.f(boolean)#2", "public.f(boolean)~1", '"own" on public.t@2 true')
    assert render_text(report_coverage(measure(assess_coverage(INVENTORY, counts, ())))) == TEXT


def test_json_tells_every_item() -> None:
    coverage = assess_coverage(INVENTORY, without('"own" on public.t@1 false'), ())
    document = json.loads(render_json(report_coverage(measure(coverage))))
    assert document["atoms"] == {"seen": 3, "total": 4}
    assert document["missing"] == [
        {
            "kind": "atom",
            "subject": '"own" on public.t',
            "what": "using a is false",
            "file": "schema.sql",
            "line": 20,
            "count": 0,
        }
    ]
    assert len(document["items"]) == 3 + 2 + 6
    assert (document["verdict"], document["disturbed"]) == ("problem", ["tests/test_plans.py::test_index"])
    assert document["not_counted"] == [{"subject": "public.v", "reason": "is a view"}]


def test_markdown_escapes_what_would_break_its_table() -> None:
    text = render_markdown(report_coverage(measure(assess_coverage(INVENTORY, EVERYTHING, ()))))
    assert '| 4/4 100 % | schema.sql:20 | "own" on public.t |' in text
