"""Plan contracts for people and for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pgassay.errors import Place, printable
from pgassay.plans import Judgement, Need, PlanAssessment
from pgassay.plans.page import count_buffers, name_needs, name_verdict, render_plans_html, sum_up
from pgassay.render.json import dump
from pgassay.render.junit import Check, Outcome, Suite, render_suites
from pgassay.render.markdown import escape, table

_WIDTH = 80


def render_plans_text(assessment: PlanAssessment) -> str:
    """Each contract, what breaks without each index, what is wrong or not judged; a summary at the end."""
    believed = assessment.believed
    lines = [line for judgement in assessment.judgements for line in _lines(judgement)]
    wrong = [judgement for judgement in believed.judgements if not judgement.holds]
    if wrong:
        lines += ["", f"as if of {believed.rows:,} rows:"]
        lines += [line for judgement in wrong for line in _lines(judgement)]
    lines += ["", "without this index, these contracts break:", *_needs(assessment.needs)]
    lines += ["", *(_wrapped(flaw.message) for flaw in assessment.flaws)] if assessment.flaws else []
    if believed.unseen:
        names = ", ".join(believed.unseen)
        lines += ["", _wrapped(f"not judged at {believed.rows:,} rows, for {believed.why}: {names}")]
    return printable("\n".join([*lines, "", _wrapped(sum_up(assessment))]) + "\n")


def render_plans_markdown(assessment: PlanAssessment) -> str:
    """The summary, what is wrong, and a table of all contracts and of all indexes."""
    lines = [f"## pgassay: plan contracts\n\n{sum_up(assessment)}\n"]
    lines += [f"- {escape(flaw.message)}" for flaw in assessment.flaws]
    contracts = (
        (j.contract.name, j.contract.persona, name_verdict(j), count_buffers(j), j.why)
        for j in assessment.judgements
    )
    lines += ["", *table(("contract", "as", "holds", "buffers", "why not"), contracts)]
    needs = ((need.index.name, need.index.table, name_needs(need)) for need in assessment.needs)
    lines += ["", *table(("index", "table", "needed by"), needs)]
    return printable("\n".join(lines) + "\n")


def render_plans_json(assessment: PlanAssessment) -> str:
    """The document that docs/json.md describes."""
    believed = assessment.believed
    return dump(
        contracts=map(_document, assessment.judgements),
        believed={
            "rows": believed.rows,
            "contracts": map(_brief, believed.judgements),
            "not_judged": believed.unseen,
            "why": believed.why,
        },
        indexes=[
            {
                "name": need.index.name,
                "table": need.index.table,
                "rule": need.index.is_rule,
                "contracts": need.contracts,
            }
            for need in assessment.needs
        ],
        findings=assessment.flaws,
        rows=assessment.rows,
        seconds=round(assessment.seconds, 3),
    )


def render_plans_junit(assessment: PlanAssessment) -> str:
    """A case for each contract, each index, and each foreign key without one."""
    believed = assessment.believed
    contracts = tuple(_contracts("contracts", assessment.judgements))
    larger = f"contracts at {believed.rows:,} rows"
    unseen = (
        Check(group=larger, name=name, outcome="skipped", message=believed.why) for name in believed.unseen
    )
    suites = (
        Suite(name="contracts", checks=contracts, seconds=assessment.seconds),
        Suite(name=larger, checks=(*_contracts(larger, believed.judgements), *unseen)),
        Suite(name="indexes", checks=tuple(_indexes(assessment))),
    )
    return render_suites("pgassay plans", suites, seconds=assessment.seconds)


def _contracts(group: str, judgements: Iterable[Judgement]) -> Iterator[Check]:
    for judgement in judgements:
        contract = judgement.contract
        yield Check(
            group=group,
            name=contract.name,
            outcome="error" if judgement.fault else "failure" if judgement.breaches else "passed",
            message=judgement.why,
            text=contract.query.strip() if not judgement.holds else "",
            place=Place(file=contract.file, line=contract.line) if contract.file else None,
        )


def _indexes(assessment: PlanAssessment) -> Iterator[Check]:
    wrong = {flaw.name: flaw.message for flaw in assessment.flaws}
    for name in dict.fromkeys([*(need.index.name for need in assessment.needs), *wrong]):
        outcome: Outcome = "failure" if name in wrong else "passed"
        yield Check(group="indexes", name=name, outcome=outcome, message=wrong.get(name, ""))


PLANS_FORMATS: Mapping[str, Callable[[PlanAssessment], str]] = {
    "text": render_plans_text,
    "json": render_plans_json,
    "markdown": render_plans_markdown,
    "html": render_plans_html,
    "junit": render_plans_junit,
}


def _lines(judgement: Judgement) -> Iterator[str]:
    buffers = count_buffers(judgement)
    touched = f"{buffers:>11} buffers" if buffers else ""
    yield f"  {name_verdict(judgement):<11}{judgement.contract.name:<34}{touched}".rstrip()
    if judgement.fault:
        yield _wrapped(judgement.fault, indent=13)
    yield from (_wrapped(breach, indent=13) for breach in judgement.breaches)


def _needs(needs: tuple[Need, ...]) -> Iterator[str]:
    for need in needs:
        if need.contracts:
            line = f"  {need.index.name:<35}  {', '.join(need.contracts)}"
            yield textwrap.fill(line, _WIDTH, subsequent_indent=" " * 39, break_on_hyphens=False)


def _document(judgement: Judgement) -> dict[str, Any]:
    contract = judgement.contract
    return _brief(judgement) | {
        "persona": contract.persona,
        "file": contract.file,
        "plans": {
            sighting.mode: {"indexes": sorted(sighting.indexes), "buffers": sighting.plan.buffers}
            for sighting in judgement.sightings
        },
    }


def _brief(judgement: Judgement) -> dict[str, Any]:
    holds = None if judgement.fault else judgement.holds
    return {"name": judgement.contract.name, "holds": holds, "why": judgement.why or None}


def _wrapped(text: str, *, indent: int = 0) -> str:
    margin = " " * indent
    return textwrap.fill(
        text, _WIDTH, initial_indent=margin, subsequent_indent=margin or "  ", break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
