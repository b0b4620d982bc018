"""A rehearsed migration for people and for programs, after the review that it belongs to. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from pgassay.database import Script, parse_script
from pgassay.diff.difference import Difference
from pgassay.diff.report import render_review_markdown, render_review_text, review_document
from pgassay.errors import Place, printable
from pgassay.migration.contents import TableChange
from pgassay.migration.locks import HeldLock
from pgassay.migration.rehearsal import Rehearsal, RehearsalRun, Upgrade
from pgassay.migration.sameness import Sameness
from pgassay.migration.squawk import ABSENT, Hazard
from pgassay.render.json import dump, place_fields, record
from pgassay.render.markdown import escape, fence
from pgassay.render.place import relative
from pgassay.render.text import wrap

_MARGIN = 11


def render_upgrade_text(upgrade: Upgrade) -> str:
    """The review, then what the migration came to, topic by topic."""
    told = "\n".join(["", *_lines(upgrade.rehearsal)])
    return render_review_text(upgrade.review) + printable(f"{told}\n")


def render_upgrade_markdown(upgrade: Upgrade) -> str:
    """The same, with the migration in a block of its own."""
    title, *lines = _lines(upgrade.rehearsal)
    block = ["", f"## {escape(title)}", "", *(fence("\n".join(lines)) if lines else [])]
    return render_review_markdown(upgrade.review) + printable("\n".join(block) + "\n")


def render_upgrade_json(upgrade: Upgrade) -> str:
    """The document of `pgassay diff` with a field `migration`; docs/json.md describes both."""
    document = review_document(upgrade.review) | {
        "verdict": upgrade.exit_code.word,
        "migration": _document(upgrade.rehearsal) if upgrade.rehearsal else None,
    }
    return dump(**document)


UPGRADE_FORMATS: Mapping[str, Callable[[Upgrade], str]] = {
    "text": render_upgrade_text,
    "json": render_upgrade_json,
    "markdown": render_upgrade_markdown,
}


def _lines(rehearsal: Rehearsal | None) -> Iterator[str]:
    if rehearsal is None:
        yield "migration not rehearsed: HEAD does not load"
        return
    names = ", ".join(str(relative(script.path)) for script in rehearsal.scripts)
    yield f"migration {names}: {rehearsal.exit_code.word}"
    if rehearsal.fault:
        yield from _topic(
            "failed", [*str(rehearsal.fault).splitlines(), *_kept(rehearsal.scripts, rehearsal.fault.place)]
        )
    if rehearsal.sameness:
        yield from _topic("result", _result(rehearsal.sameness))
    if run := rehearsal.run:
        rows = [line for change in run.rows for line in _row_lines(rehearsal, change)]
        yield from _topic("rows", rows or ["none lost, none changed"])
        yield from _topic("rewritten", run.rewritten or ["no table"])
        yield from _topic("locks", _locks(run.locks, run.unseen))
    yield from _topic("unsafe", _unsafe(rehearsal.unsafe))


def _topic(name: str, lines: Sequence[str]) -> Iterator[str]:
    """A topic and its lines, the first beside its name; long ones go on below, indented."""
    for number, line in enumerate(lines):
        label = f"  {name if number == 0 else '':{_MARGIN}}"
        yield wrap(label + line, indent=len(label) + 2)


def _result(sameness: Sameness) -> list[str]:
    moved = [f"the columns of {name} stand in another order" for name in sameness.reordered]
    if sameness.holds:
        return ["is HEAD, in catalog and matrix", *moved]
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


def _locks(locks: tuple[HeldLock, ...], unseen: tuple[Place, ...]) -> list[str]:
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
