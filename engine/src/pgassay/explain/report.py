"""An answer as a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pgassay.denial import Guard, describe
from pgassay.denial.permission import Support
from pgassay.errors import ExitCode
from pgassay.explain.answer import Answer
from pgassay.observation import Attempt, Outcome
from pgassay.render.json import place_fields
from pgassay.render.report import Report, ReportEntry, ReportSection, list_entries
from pgassay.render.text import counted


def report_answer(answer: Answer) -> Report:
    """What becomes of the statement, and what decides; the verdict is good, whoever is refused."""
    statement = ReportEntry(
        cells=(f"{answer.persona.name}, as {answer.persona.role}:",),
        code=answer.statement,
        excerpt=answer.statement,
    )
    claim = _claim(answer)
    denial = answer.denial
    unexplained = denial.unexplained if denial and _is_refused(answer) else ""
    return Report(
        command="explain",
        title="explain",
        verdict=ExitCode.GOOD,
        claim=claim,
        about=answer.about,
        summary=(claim,),
        sections=(
            ReportSection(entries=(statement,), language="sql"),
            ReportSection(title="held by", entries=tuple(_holding(answer))),
            ReportSection(title="let through by", entries=tuple(_admitting(answer))),
            ReportSection(title="unexplained", entries=list_entries(*filter(None, [unexplained]))),
            ReportSection(
                title="to know", entries=list_entries(*(answer.permission.notes if answer.permission else ()))
            ),
        ),
        document=_document(answer),
        seconds=answer.seconds,
    )


def _claim(answer: Answer) -> str:
    attempt = answer.attempt
    match attempt.outcome:
        case Outcome.ALLOWED:
            return f"allowed{_rows(attempt)}"
        case Outcome.FILTERED if _is_refused(answer):
            return "no row is touched: those that it aims at are hidden"
        case Outcome.FILTERED:
            return "no row is touched, and nothing hides one: see `pgassay world` for the rows"
    return f"refused, {attempt.sqlstate}: {attempt.message}"


def _is_refused(answer: Answer) -> bool:
    """Not where there is no row to touch, and so nothing to explain."""
    return bool(answer.denial and (answer.denial.guards or answer.attempt.outcome is not Outcome.FILTERED))


def _rows(attempt: Attempt) -> str:
    if attempt.rowcount < 0:
        return ""
    return f", {counted(attempt.rowcount, 'row')}"


def _holding(answer: Answer) -> Iterator[ReportEntry]:
    if answer.denial:
        for guard in answer.denial.guards:
            others = answer.denial.alternatives.get(guard, ())
            yield _entry(answer, guard, [f"or {other}" for other in others])


def _admitting(answer: Answer) -> Iterator[ReportEntry]:
    if answer.permission:
        for support in answer.permission.supports:
            first, *others = support.things
            lost = f"without {'these' if others else 'it'}: {describe(support.without)}"
            yield _entry(answer, first, [*(f"or {other}" for other in others), lost])


def _entry(answer: Answer, guard: Guard, why: Sequence[str]) -> ReportEntry:
    return ReportEntry(cells=(str(guard),), place=answer.places.get(guard), why=tuple(why))


def _document(answer: Answer) -> dict[str, Any]:
    attempt, denial, permission = answer.attempt, answer.denial, answer.permission
    held = [(g, denial.alternatives.get(g, ())) for g in denial.guards] if denial else []
    return {
        "persona": {"name": answer.persona.name, "role": answer.persona.role},
        "statement": answer.statement,
        "outcome": attempt.outcome,
        "rows": attempt.rowcount if attempt.rowcount >= 0 else None,
        "sqlstate": attempt.sqlstate or None,
        "message": attempt.message or None,
        "held_by": [_thing(answer, guard, others) for guard, others in held],
        "let_through_by": [_support(answer, one) for one in (permission.supports if permission else ())],
        "unexplained": (denial.unexplained if denial else "") or None,
        "notes": list(permission.notes) if permission else [],
        "seconds": round(answer.seconds, 3),
    }


def _support(answer: Answer, support: Support) -> dict[str, Any]:
    first, *others = support.things
    return {**_thing(answer, first, others), "without": describe(support.without)}


def _thing(answer: Answer, guard: Guard, others: Sequence[Guard]) -> dict[str, Any]:
    return {"what": str(guard), "or": list(map(str, others)), **place_fields(answer.places.get(guard))}
