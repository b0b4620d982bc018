"""The whole way from a loaded database to its access matrix, in one transaction that leaves nothing."""

from __future__ import annotations

import gc
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import groupby
from types import MappingProxyType
from typing import Any

from pgassay.catalog.tables import Surface, read_surface
from pgassay.database import Session
from pgassay.database.actor import classify
from pgassay.database.pipeline import Answer, fly, probing
from pgassay.denial.defence import removed
from pgassay.errors import CannotJudgeError, ConfigError
from pgassay.matrix.baseline import spell_field
from pgassay.matrix.cells import build_cells, explain_refusal
from pgassay.matrix.effects import EffectRecorder
from pgassay.matrix.model import Action, Effects, Matrix, Observation, Probe
from pgassay.matrix.questions import ask_all
from pgassay.matrix.rows import Known, Sample, read_samples
from pgassay.matrix.subject import Question, make_subjects
from pgassay.observation import Outcome, Persona


def survey(  # noqa: PLR0913 - what a caller may choose, by name
    session: Session,
    personas: Iterable[Persona],
    *,
    rows: Mapping[str, str] | None = None,
    only: Collection[str] = (),
    besides: Known = MappingProxyType({}),
    known: tuple[Surface, Sequence[Sample]] | None = None,
) -> Matrix:
    """The executed access matrix of the session's database. `rows`: overrides of whose rows a table's are.

    `known`: what has been read of it already. With `only`, of these objects alone, spelled as in the
    baseline. Rows `besides` are not tried.

    The session must be logged in as the schema's owner. Sequences move on; that nothing else does is checked.
    Raises CannotJudgeError when something was left behind, ConfigError for a bad override or an unknown role.
    """
    started = time.perf_counter()
    people = tuple(personas)
    with _collector_paused(), removed(session, ()):
        # What a transaction would be refused at its end belongs to its statements.
        session.connection.execute("set constraints all immediate")
        _check_roles(session, people)
        ids = [persona.id for persona in people if persona.id is not None]
        with session.undone():  # or all that was read stays locked, and each look at the locks costs more
            surface = known[0] if known else read_surface(session, roles=[persona.role for persona in people])
            before = fingerprint(session, surface)
            samples = (
                known[1]
                if known
                else read_samples(session, surface, ids=ids, overrides=rows or {}, besides=besides)
            )
        wanted = [one for one in samples if not only or spell_field(one.table.name) in only]
        subjects = make_subjects(wanted, people)
        with closing(EffectRecorder(session, surface)) as recorder:
            refusals = _find_refusals(session, people)
            observations = tuple(
                observation
                for observation in run_questions(session, _ordered(ask_all(subjects)), recorder, refusals)
                # Of tables without rows a SELECT tells nothing, but that it can not even begin.
                if not observation.probe.is_start or observation.outcome is Outcome.ERROR
            )
        if fingerprint(session, surface) != before:
            raise CannotJudgeError("The probes of the access matrix left something behind.")
    cells = build_cells(observations, surface, people, refusals)
    return Matrix(
        cells=tuple(cell for cell in cells if not only or spell_field(cell.key.table) in only),
        gaps=tuple(gap for subject in subjects for gap in subject.gaps()),
        probes=len({id(observation.probe) for observation in observations}),
        seconds=time.perf_counter() - started,
        surface=surface,
        refused=tuple((persona.name, explain_refusal(answer)) for persona, answer in refusals.items()),
    )


def _ordered(questions: Sequence[Question]) -> list[Question]:
    """TRUNCATE last: after a few the server looks through all relations at each rollback of a transaction."""
    return sorted(questions, key=lambda question: question[0].key.action is Action.TRUNCATE)


def _check_roles(session: Session, personas: Sequence[Persona]) -> None:
    query = "select rolname from pg_catalog.pg_roles"
    known = {name for (name,) in session.connection.execute(query.encode()).fetchall()}
    if lost := [persona for persona in personas if persona.role not in known]:
        told = ", ".join(f"{persona.name} is {persona.role}" for persona in lost)
        raise ConfigError(
            f"Personas have roles that do not exist here: {told}.",
            fixes=("correct the role in the configuration", "let the environment or the schema create it"),
        )


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Nothing becomes garbage before the end, and walking all observations again and again costs half."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def fingerprint(session: Session, surface: Surface) -> list[tuple[Any, ...]]:
    """Of each table that the owner may read how many row versions there are, and which."""
    versions = " union all ".join(
        f"select {table.oid}, count(*), bit_xor(hashtextextended(t.ctid::text || t.xmin::text, 0)) "
        f"from {table.name} as t"
        for table in surface.tables.values()
        if table.stored
    )
    if not versions:
        return []
    with session.as_owner():
        return session.connection.execute(f"{versions} order by 1".encode()).fetchall()


# Classes of SQLSTATE of what failed after it was let through: privileges are looked at before.
# 428C9 is a value for a column that always makes its own, 55000 a materialized view that is not filled yet.
_EVALUATION = ("22", "P0", "428C9", "55000")
_FEATURE_NOT_SUPPORTED = "0A000"
_WRITES = (Action.INSERT, Action.UPDATE, Action.DELETE)


def run_questions(
    session: Session,
    questions: Sequence[Question],
    recorder: EffectRecorder,
    refusals: Mapping[Persona, Answer] = MappingProxyType({}),
) -> Iterator[Observation]:
    """Observe all questions, in the session's transaction. Raises ServerError when the connection is lost.

    A role that lacks the privilege for the first row lacks it for all: the others are then not tried. Nothing
    is tried for whom each request is refused.
    """
    for _, group in groupby(questions, key=lambda question: question[0].key.persona):
        some = list(group)
        if refusal := refusals.get(some[0][0].witness.persona):
            yield from (_refused(question[0], refusal) for question in some)
            continue
        first = _run(session, [question[0] for question in some], recorder)
        rest = [
            probe
            for question, observed in zip(some, first, strict=True)
            if not _is_final(observed[0])
            for probe in question[1:]
        ]
        for observations in (*first, *_run(session, rest, recorder)):
            yield from observations


def _find_refusals(session: Session, people: Iterable[Persona]) -> dict[Persona, Answer]:
    """What each request of a persona is refused with, where its hook or the pre-request function fails."""
    found = {persona: session.refusal(persona) for persona in people}
    return {
        persona: Answer(
            rows=(),
            counts=(),
            sqlstate=refusal.sqlstate,
            message=refusal.message,
            context=refusal.context,
            whole_request=True,
        )
        for persona, refusal in found.items()
        if refusal
    }


def _refused(probe: Probe, refusal: Answer) -> Observation:
    states = tuple(probe.targets.values()) or (probe.state,)
    return Observation(probe=probe, outcome=Outcome.DENIED_GRANT, states=states, answer=refusal)


def _is_final(observed: Observation) -> bool:
    """Refused before any row was looked at, and not inside a function, which may ask for more at times."""
    return observed.outcome is Outcome.DENIED_GRANT and not observed.answer.context


def _run(
    session: Session, probes: Sequence[Probe], recorder: EffectRecorder
) -> list[tuple[Observation, ...]]:
    segments = [recorder.segment(probe) if _writes(probe) else [probe.witness.statement] for probe in probes]
    answers = _fly(session, probes, segments)
    pairs = list(zip(probes, answers, strict=True))
    written = [pair for pair in pairs if _writes(pair[0]) and not recorder.refused(pair[1])]
    effects = iter(recorder.effects(written, lambda some, texts: _fly(session, some, texts)))
    return [
        (_observe_write(probe, answer, next(effects)),)
        if _writes(probe) and not answer.sqlstate
        else _observe(probe, answer)
        for probe, answer in pairs
    ]


def _observe_write(probe: Probe, answer: Answer, effects: Effects) -> Observation:
    outcome = Outcome.ALLOWED if answer.counts[0] else Outcome.FILTERED
    return Observation(probe=probe, outcome=outcome, states=(probe.state,), effects=effects)


def _fly(session: Session, probes: Sequence[Probe], segments: Sequence[Sequence[str]]) -> list[Answer]:
    """All of one persona's."""
    if not probes:
        return []
    with probing(session, probes[0].witness.persona):
        return fly(session, segments)


def _writes(probe: Probe) -> bool:
    return probe.key.action in _WRITES


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
    return Outcome.REJECTED if refers or answer.sqlstate.startswith(_EVALUATION) else outcome
