"""Plan contracts for people and for programs."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pgassay.errors import printable
from pgassay.plans import Judgement, Need, PlanAssessment
from pgassay.plans.page import render_plans_html
from pgassay.plans.report_junit import render_plans_junit
from pgassay.plans.wording import count_buffers, name_needs, name_verdict, sum_up
from pgassay.render.place import relative

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
    lines += [f"- {_cell(flaw.message)}" for flaw in assessment.flaws]
    lines += ["\n| contract | as | holds | buffers | why not |\n|---|---|---|---|---|"]
    for judgement in assessment.judgements:
        contract = judgement.contract
        verdict, buffers = name_verdict(judgement), count_buffers(judgement)
        parts = (contract.name, contract.persona, verdict, buffers, judgement.why)
        lines.append(f"| {' | '.join(map(_cell, parts))} |")
    lines += ["\n| index | table | needed by |\n|---|---|---|"]
    for need in assessment.needs:
        needed = (need.index.name, need.index.table, name_needs(need))
        lines.append(f"| {' | '.join(map(_cell, needed))} |")
    return printable("\n".join(lines) + "\n")


def render_plans_json(assessment: PlanAssessment) -> str:
    """The document that docs/json.md describes."""
    believed = assessment.believed
    document = {
        "version": 1,
        "contracts": [_document(judgement) for judgement in assessment.judgements],
        "believed": {
            "rows": believed.rows,
            "contracts": [_brief(judgement) for judgement in believed.judgements],
            "not_judged": list(believed.unseen),
            "why": believed.why,
        },
        "indexes": [
            {
                "name": need.index.name,
                "table": need.index.table,
                "rule": need.index.is_rule,
                "contracts": list(need.contracts),
            }
            for need in assessment.needs
        ],
        "findings": [{"name": flaw.name, "message": flaw.message} for flaw in assessment.flaws],
        "rows": assessment.rows,
        "seconds": round(assessment.seconds, 3),
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


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
        "file": str(relative(contract.file)) if contract.file else None,
        "plans": {
            sighting.mode: {"indexes": sorted(sighting.indexes), "buffers": sighting.plan.buffers}
            for sighting in judgement.sightings
        },
    }


def _brief(judgement: Judgement) -> dict[str, Any]:
    holds = None if judgement.fault else judgement.holds
    return {"name": judgement.contract.name, "holds": holds, "why": judgement.why or None}


def _cell(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|").replace("\n", " ")


def _wrapped(text: str, *, indent: int = 0) -> str:
    margin = " " * indent
    return textwrap.fill(
        text, _WIDTH, initial_indent=margin, subsequent_indent=margin or "  ", break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
