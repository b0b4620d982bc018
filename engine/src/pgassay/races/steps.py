"""One schedule, step by step, for people and for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from pgassay.errors import printable
from pgassay.races.model import show
from pgassay.races.record import Event, Fate, Move, Trial
from pgassay.render.json import dump
from pgassay.render.text import wrap

_ROWS = 5


def render_trial_text(trial: Trial) -> str:
    """What each session did, what it got, for whom it waited; then how it ended."""
    width = max(len(session.name) for session in trial.scenario.sessions)
    lines = [wrap(f"{trial.scenario.name}: {trial.scenario.shows}"), ""]
    begun: set[str] = set()
    for number, move in enumerate(trial.moves, start=1):
        lines += [line.rstrip() for line in _move(move, f"{number:>3}", width, begun)]
    lines += ["", wrap(f"outcome: {describe_outcome(trial)}"), *map(wrap, describe_violations(trial))]
    return printable("\n".join([*lines, "", "broken" if trial.is_broken else "holds"]) + "\n")


def render_trial_json(trial: Trial) -> str:
    """The document that docs/json.md describes."""
    moves = [
        {"session": move.session, "events": [_event(event) for event in move.events]} for move in trial.moves
    ]
    return dump(scenario=trial.scenario.name, **summarize_trial(trial), moves=moves)


TRIAL_FORMATS: Mapping[str, Callable[[Trial], str]] = {"text": render_trial_text, "json": render_trial_json}


def spell_schedule(schedule: Sequence[str]) -> str:
    """A schedule as `--replay` takes it: a, a, b is a*2,b."""
    runs = [(name, len(list(group))) for name, group in groupby(schedule)]
    return ",".join(name if count == 1 else f"{name}*{count}" for name, count in runs)


def describe_outcome(trial: Trial) -> str:
    """How the sessions ended and what was observed."""
    return f"{trial.outcome}{'' if trial.is_expected else ' (unexpected)'}"


def describe_violations(trial: Trial) -> Iterator[str]:
    """The invariants that do not hold, each with the rows that offend."""
    for violation in trial.violations:
        yield f'violates "{violation.invariant}"'
        for row in violation.rows:
            yield "  " + ", ".join(f"{name} {show(value)}" for name, value in row.items())


def summarize_trial(trial: Trial) -> dict[str, Any]:
    """A trial without its steps."""
    return {
        "schedule": spell_schedule(trial.schedule),
        "outcome": dict(trial.outcome.values),
        "expected": trial.is_expected,
        "violations": [
            {"invariant": violation.invariant, "rows": [dict(row) for row in violation.rows]}
            for violation in trial.violations
        ],
    }


def _move(move: Move, number: str, width: int, begun: set[str]) -> Iterator[str]:
    """A session that goes on from a sync point is in the middle of the step that it has begun."""
    own, *others = move.events
    goes_on = own.session in begun
    told = _tell(own)
    yield wrap(
        f"{number}  {own.session:<{width}}  {f'goes on: {told[0]}' if goes_on else own.step}",
        indent=width + 7,
    )
    yield from (f"     {'':<{width}}  {line}" for line in told[goes_on:])
    for event in others:
        first, *rest = _tell(event)
        yield f"     {event.session:<{width}}  goes on: {first}"
        yield from (f"     {'':<{width}}  {line}" for line in rest)
    for event in move.events:
        (begun.add if event.fate is Fate.PAUSED else begun.discard)(event.session)


def _tell(event: Event) -> list[str]:
    """What became of a step, in one line or with some of its rows."""
    reply = event.reply
    match event.fate:
        case Fate.WAITS:
            return [f"waits for {' and '.join(event.waits_for)}"]
        case Fate.PAUSED:
            return [f"stops before {reply.message}"]
        case Fate.FAILED:
            return [f"fails with {reply.sqlstate}: {reply.message}"]
    counted = f"{reply.count} row{'' if reply.count == 1 else 's'}" if reply.count >= 0 else "done"
    rows = [
        ", ".join(f"{n} {show(v)}" for n, v in zip(reply.columns, row, strict=True)) for row in reply.rows
    ]
    return [counted, *rows[:_ROWS]]


def _event(event: Event) -> dict[str, Any]:
    reply = event.reply
    return {
        "session": event.session,
        "step": event.step,
        "fate": event.fate.value,
        "waits_for": list(event.waits_for),
        "sqlstate": reply.sqlstate or None,
        "message": reply.message or None,
        "count": reply.count,
        "columns": list(reply.columns),
        "rows": [list(row) for row in reply.rows],
    }
