"""A rehearsed migration as a report, after the review that it belongs to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from typing import Any

from pgassay.database import Script, parse_script
from pgassay.diff.difference import Difference
from pgassay.diff.report import report_review
from pgassay.errors import Place
from pgassay.migration.contents import TableChange
from pgassay.migration.hazards import ABSENT, Hazard, TableLock
from pgassay.migration.rehearsal import Rehearsal, RehearsalRun, Sameness, Upgrade
from pgassay.render.json import place_fields, record
from pgassay.render.report import Report, ReportEntry, ReportSection
from pgassay.render.text import relative


def report_upgrade(upgrade: Upgrade) -> Report:
    """The review, and what the migration came to, topic by topic."""
    review, rehearsal = report_review(upgrade.review), upgrade.rehearsal
    rows = [
        (name if number == 0 else "", line)
        for name, lines in (_topics(rehearsal) if rehearsal else ())
        for number, line in enumerate(lines)
    ]
    names = ", ".join(str(relative(script.path)) for script in rehearsal.scripts) if rehearsal else ""
    entries = tuple(ReportEntry(cells=row) for row in rows)
    judged = rehearsal.exit_code.word if rehearsal else "not rehearsed: HEAD does not load"
    return replace(
        review,
        verdict=upgrade.exit_code,
        summary=(*review.summary, f"migration: {judged}"),
        sections=(
            *review.sections,
            ReportSection(title=f"migration {names}", head=("", ""), entries=entries),
        ),
        # The document of `pgassay diff` with a field more; docs/json.md describes both.
        document={
            **review.document,
            "verdict": upgrade.exit_code.word,
            "migration": _document(rehearsal) if rehearsal else None,
        },
    )


def _topics(rehearsal: Rehearsal) -> Iterator[tuple[str, Iterable[str]]]:
    """Each with its lines."""
    if (fault := rehearsal.fault) and rehearsal.run:
        yield "broken", str(fault).splitlines()
    elif fault:
        yield "failed", [*str(fault).splitlines(), *_kept(rehearsal.scripts, fault.place)]
    if rehearsal.sameness:
        yield "result", _result(rehearsal.sameness, "catalog" if rehearsal.fault else "catalog and matrix")
    if run := rehearsal.run:
        rows = [line for change in run.rows for line in _row_lines(rehearsal, change)]
        yield "rows", rows or ["none lost, none changed"]
        yield "rewritten", run.rewritten or ["no table"]
        yield "locks", _locks(run.locks, run.unseen)
    yield "unsafe", _unsafe(rehearsal.unsafe)


def _result(sameness: Sameness, compared: str) -> list[str]:
    moved = [f"the columns of {name} stand in another order" for name in sameness.reordered]
    if sameness.holds:
        return [f"is HEAD, in {compared}", *moved]
    return ["is not HEAD. From HEAD to the result:", *_differences(sameness.difference), *moved]


def _differences(difference: Difference) -> Iterator[str]:
    yield from map(str, difference.schema)
    yield from (f"more access than in HEAD: {one.message}" for one in difference.gained)
    yield from (f"less access than in HEAD: {one.message}" for one in difference.lost)
    yield from (f"another answer than in HEAD: {one.message}" for one in difference.changed)


def _kept(scripts: tuple[Script, ...], place: Place | None) -> Iterator[str]:
    """What a migration that failed there leaves in a database."""
    for script in scripts:
        name = relative(script.path)
        if place is None or script.path != place.file:
            yield f"Kept: all of {name}, which was applied before."
        elif all(statement.transactional for statement in parse_script(script)):
            yield f"Nothing of {name} was kept: it is one transaction."
            return
        else:
            yield f"Kept: what {name} had committed by then. It is not one transaction."
            return


def _row_lines(rehearsal: Rehearsal, change: TableChange) -> Iterator[str]:
    counts = ((change.lost, "lost"), (change.changed, "changed"), (change.added, "added"))
    parts = [f"{number} {word}" for number, word in counts if number]
    if change.columns:
        parts[-1 - bool(change.added)] += f" ({', '.join(change.columns)})"
    parts += [f"values of {name} lost" for name in change.emptied]
    lacking = rehearsal.intent.lacks(change)
    said = "; the migration does not say so" if lacking else ""
    yield f"{change.table}: {', '.join(parts)}{said}"
    yield from (f"if that is meant, write in it: -- pgassay: {word} {change.table}" for word in lacking)


def _locks(locks: tuple[TableLock, ...], unseen: tuple[Place, ...]) -> list[str]:
    lines = [
        f"{mode}, {blocks or 'no reads or writes'} wait: "
        + ", ".join(f"{lock.table} ({_spelled(lock.place)})" for lock in some)
        for (mode, blocks), some in groupby(locks, key=lambda lock: (lock.spelled, lock.blocks))
    ]
    lines += [f"not seen: those of {_spelled(place)}, which runs outside a transaction" for place in unseen]
    return lines or ["none"]


def _unsafe(hazards: tuple[Hazard, ...] | None) -> list[str]:
    if hazards is None:
        return [ABSENT]
    told = [f"{_spelled(one.place)}: {one.message} [{one.rule}]" for one in hazards]
    return told or ["nothing that squawk knows"]


def _spelled(place: Place) -> str:
    return f"{place.file.name}:{place.line}"


def _document(rehearsal: Rehearsal) -> dict[str, Any]:
    sameness = rehearsal.sameness
    return {
        "files": [script.path for script in rehearsal.scripts],
        "verdict": rehearsal.exit_code.word,
        "fault": str(rehearsal.fault) if rehearsal.fault else None,
        "differs": list(_differences(sameness.difference)) if sameness else [],
        "reordered": list(sameness.reordered) if sameness else [],
        **(_run_document(rehearsal.run, rehearsal.unmeant) if rehearsal.run else _NOT_RUN),
        "unsafe": rehearsal.unsafe,
    }


_NOT_RUN: Mapping[str, Any] = {"rows": [], "rewritten": [], "locks": [], "unseen": [], "seconds": None}


def _run_document(run: RehearsalRun, unmeant: tuple[TableChange, ...]) -> dict[str, Any]:
    return {
        "rows": [record(change) | {"stated": change not in unmeant} for change in run.rows],
        "rewritten": run.rewritten,
        "locks": [
            {"table": lock.table, "mode": lock.spelled, "blocks": lock.blocks, **place_fields(lock.place)}
            for lock in run.locks
        ],
        "unseen": map(place_fields, run.unseen),
        "seconds": round(run.seconds, 3),
    }
