"""Try a plan's questions as their personas, and see what becomes of each. Nothing is left behind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from pgassay.database import Session
from pgassay.database.actor import classify
from pgassay.database.pipeline import Answer, fly, savepoint
from pgassay.matrix.effects import Recorder
from pgassay.matrix.model import Action, Footprint, Observation, Probe
from pgassay.matrix.subject import Question
from pgassay.observation import Outcome

# Classes of SQLSTATE of what failed after it was let through: privileges are looked at before.
_EVALUATION = ("22", "P0")
_FEATURE_NOT_SUPPORTED = "0A000"
_WRITES = (Action.INSERT, Action.UPDATE, Action.DELETE)


def run_questions(
    session: Session, questions: Sequence[Question], recorder: Recorder
) -> Iterator[Observation]:
    """Observe all questions, in the session's transaction. Raises ServerError when the connection is lost.

    A role that lacks the privilege for the first row lacks it for all: the others are then not tried.
    """
    for _, group in groupby(questions, key=lambda question: question.key.persona):
        some = list(group)
        first = _run(session, [question.probes[0] for question in some], recorder)
        rest = [
            probe
            for question, observed in zip(some, first, strict=True)
            if not _is_final(observed[0])
            for probe in question.probes[1:]
        ]
        for observations in (*first, *_run(session, rest, recorder)):
            yield from observations


def _is_final(observed: Observation) -> bool:
    """Refused before any row was looked at, and not inside a function, which may ask for more at times."""
    return observed.outcome is Outcome.DENIED_GRANT and not observed.answer.context


def _run(session: Session, probes: Sequence[Probe], recorder: Recorder) -> list[tuple[Observation, ...]]:
    segments = [recorder.segment(probe) if _writes(probe) else [probe.witness.statement] for probe in probes]
    answers = _fly(session, probes, segments)
    pairs = list(zip(probes, answers, strict=True))
    written = [pair for pair in pairs if _writes(pair[0]) and not recorder.refused(pair[1])]
    footprints = iter(recorder.footprints(written, lambda some, texts: _fly(session, some, texts)))
    return [
        _observe_write(probe, answer.counts[0], next(footprints))
        if _writes(probe) and not answer.sqlstate
        else _observe(probe, answer)
        for probe, answer in pairs
    ]


def _fly(session: Session, probes: Sequence[Probe], segments: Sequence[Sequence[str]]) -> list[Answer]:
    """All of one persona's."""
    if not probes:
        return []
    with session.act_as(probes[0].witness.persona), savepoint(session):
        return fly(session, segments)


def _writes(probe: Probe) -> bool:
    return probe.key.action in _WRITES


def _observe_write(probe: Probe, rows: int, footprint: Footprint) -> tuple[Observation, ...]:
    outcome = Outcome.ALLOWED if rows else Outcome.FILTERED
    return (Observation(probe=probe, outcome=outcome, states=(probe.state,), footprint=footprint),)


def _observe(probe: Probe, answer: Answer) -> tuple[Observation, ...]:
    states = tuple(probe.targets.values()) or (probe.state,)
    if answer.sqlstate:
        return (Observation(probe=probe, outcome=_judge(probe, answer), states=states, answer=answer),)
    if probe.key.action is Action.TRUNCATE:
        return (Observation(probe=probe, outcome=Outcome.ALLOWED, states=states),)
    returned = {row[: len(next(iter(probe.targets), ()))] for row in answer.rows[0]}
    reached = {key: key in returned for key in probe.targets or {(): {}}}
    found = ((Outcome.ALLOWED, True), (Outcome.FILTERED, False))
    by_outcome = {
        outcome: tuple(state for state, hit in zip(states, reached.values(), strict=True) if hit is wanted)
        for outcome, wanted in found
    }
    return tuple(
        Observation(probe=probe, outcome=outcome, states=some) for outcome, some in by_outcome.items() if some
    )


def _judge(probe: Probe, answer: Answer) -> Outcome:
    """As for any statement; but what the server can not do with a value or a table, it was allowed to do."""
    outcome = classify(answer.sqlstate, answer.source_function)
    if outcome is not Outcome.ERROR:
        return outcome
    # TRUNCATE of a table that foreign keys refer to.
    refers = probe.key.action is Action.TRUNCATE and answer.sqlstate == _FEATURE_NOT_SUPPORTED
    return Outcome.REJECTED if refers or answer.sqlstate[:2] in _EVALUATION else outcome
