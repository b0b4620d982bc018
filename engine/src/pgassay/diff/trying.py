"""Experiments run on both sides at once, and the first statement of each that HEAD lets do more than BASE."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace

import psycopg

from pgassay.catalog.model import ObjectKey
from pgassay.catalog.names import quoted
from pgassay.database import Session
from pgassay.database.actor import RAISED
from pgassay.database.pipeline import Answer, fly, savepoint
from pgassay.diff.deeds import Deed
from pgassay.diff.difference import AccessChange
from pgassay.diff.experiments import Experiment
from pgassay.diff.hearing import FORGET, HEAR, hear
from pgassay.diff.judgement import AS_OWNER, CLOSED, COUNTED, Judge, read_told
from pgassay.diff.novelty import TAKEN
from pgassay.diff.probes import WRITTEN, SearchProbe, written_after
from pgassay.diff.telling import tell, tell_opening
from pgassay.diff.variations import USERS
from pgassay.diff.weights import Scales
from pgassay.matrix.model import Action
from pgassay.matrix.statements import become, literal

_NO_SUCH_KEY, _NULL = "23503", "23502"
_OF_A_VALUE = "22"
_OF_SQL = "42"
_COST_OF_A_SETUP = 3
_OWN = 2  # statements, by which the persona becomes itself
_YOUNGEST = b"""
    select coalesce(min(pg_catalog.age(transactionid)), 1) from pg_catalog.pg_locks
    where pid = pg_catalog.pg_backend_pid() and locktype = 'transactionid'
"""
"""The age of what the session wrote last: each subtransaction that writes holds a lock on its own number."""
_NOTHING = Answer(rows=(), counts=())


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A statement that HEAD lets do more, and both answers."""

    experiment: Experiment
    attempt: SearchProbe
    before: Answer = _NOTHING
    after: Answer = _NOTHING

    @property
    def kind(self) -> tuple[object, ...]:
        """What is done to what, and whether it is done now."""
        key = self.attempt.key
        return key.object, key.action, key.variant, bool(self.experiment.openings)

    def tell(self, names: Sequence[str] = ()) -> AccessChange:
        """As a finding; `names`: all whom it lets do so."""
        people = tuple(names) or (self.attempt.key.persona,)
        if self.experiment.openings:
            return tell_opening(self.experiment, people)
        return tell(self.experiment, self.attempt, self.before, self.after, people)


@dataclass(kw_only=True)
class Trying:
    """Runs experiments in the sessions of BASE's and HEAD's owner, and counts.

    `keys`: the foreign keys of BASE, which HEAD may lack. `counted`: its unique indexes of sequences' values.
    `scales`: what the owner can weigh on both. `drawn`: what names rows in HEAD, and BASE's names of them.
    `indexes`: by the name of a unique index its table and those of its columns that may hold somebody's id.
    `tried`: the statements of personas so far; `spent`: these, and three for each statement with which the
    owner prepares them.
    """

    base: Session
    head: Session
    pool: Executor
    judge: Judge
    keys: Collection[ObjectKey]
    counted: Collection[str]
    scales: Scales
    drawn: Mapping[str, str] = field(default_factory=dict)
    indexes: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    tried: int = field(default=0, init=False)
    spent: int = field(default=0, init=False)

    def find(self, experiment: Experiment) -> dict[str, Hit]:
        """By persona, the first attempt that HEAD lets do more, and those that do the same."""
        if experiment.openings:
            first = experiment.attempts[0]
            return {first.key.persona: Hit(experiment=experiment, attempt=first)}
        self.spent += len(experiment.attempts) + _COST_OF_A_SETUP * len(experiment.setup)
        before, after = self.pool.map(_run, (self.base, self.head), (self._as_base(experiment), experiment))
        self.tried += len(before)
        self.judge.learn(experiment.attempts, before, after)
        found: dict[str, Hit] = {}
        for attempt, *answers in zip(experiment.attempts, before, after, strict=False):
            if self._is_comparable(experiment, attempt, answers[0]) and self.judge.is_gain(attempt, *answers):
                hit = Hit(experiment=experiment, attempt=attempt, before=answers[0], after=answers[1])
                same = all(hit.kind == other.kind for other in found.values())
                if same and not self._was_open(hit) and self._is_steady(hit) and not self._is_read(hit):
                    found.setdefault(attempt.key.persona, hit)
            elif not found:
                self.judge.remember(experiment, attempt, *answers)
        cleared = None if found else self._clear(experiment, before, after)
        return self.find(cleared) if cleared else found

    def _clear(
        self, experiment: Experiment, before: Sequence[Answer], after: Sequence[Answer]
    ) -> Experiment | None:
        """Without the persona's rows that are in HEAD's way and not in BASE's."""
        for attempt, was, now in zip(experiment.attempts, before, after, strict=False):
            table, columns = self.indexes.get(now.constraint, ("", ()))
            id_ = attempt.witness.persona.id
            if now.sqlstate != TAKEN or was.sqlstate == TAKEN or not columns or id_ is None:
                continue
            where = " or ".join(f"{quoted(name)} = {literal(id_)}" for name in columns)
            removing = f"delete from {table} where {where}"
            if removing in experiment.setup:
                continue
            return replace(
                experiment,
                attempts=tuple(one for one in experiment.attempts if one.witness.persona.id == id_),
                setup=(*experiment.setup, removing),
                former=None if experiment.former is None else (*experiment.former, removing),
                given=", ".join(filter(None, [experiment.given, f"no rows of {table} with {where}"])),
            )
        return None

    def sift(self, experiment: Experiment) -> tuple[SearchProbe, ...]:
        """The attempts that one of the sides lets through."""
        self.spent += len(experiment.attempts)
        sides = self.pool.map(_run, (self.base, self.head), (self._as_base(experiment), experiment))
        passed = [[not a.sqlstate and a.counts[_OWN] > 0 for a in answers] for answers in sides]
        both = zip(experiment.attempts, *passed, strict=False)
        return tuple(attempt for attempt, *answers in both if any(answers))

    def find_written(self, deeds: Sequence[Deed], tables: Sequence[str]) -> list[frozenset[str]]:
        """For each deed, which of the tables then have rows in HEAD that it wrote; none where refused."""
        self.spent += len(deeds)
        look = " union all ".join(
            f"select {literal(name)} where exists (select from {name} where {WRITTEN})" for name in tables
        )
        with savepoint(self.head):
            answers = fly(self.head, [(*deed.statements, look) for deed in deeds])
        rows = (() if answer.sqlstate else answer.rows[-1] for answer in answers)
        return [frozenset(name or "" for (name,) in some) for some in rows]

    def _as_base(self, experiment: Experiment) -> Experiment:
        """With what the owner does in BASE, and rows as they are named there."""
        if experiment.former is not None:
            experiment = replace(experiment, setup=experiment.former)
        if not self.drawn:
            return experiment
        attempts = (
            replace(
                one,
                witness=replace(one.witness, statement=self._rename(one.witness.statement)),
                looks=tuple(map(self._rename, one.looks)),
                values=tuple(map(self._rename, one.values)),
            )
            for one in experiment.attempts
        )
        return replace(experiment, attempts=tuple(attempts), setup=tuple(map(self._rename, experiment.setup)))

    def _rename(self, text: str) -> str:
        for ours, theirs in self.drawn.items():
            text = text.replace(ours, theirs)
        return text

    def _was_open(self, hit: Hit) -> bool:
        """Whether BASE lets the persona do so who says nothing of himself where he may say anything."""
        persona = hit.attempt.witness.persona
        if USERS not in persona.claims:
            return False
        silent = replace(persona, claims={k: v for k, v in persona.claims.items() if k != USERS})
        attempt = replace(hit.attempt, witness=replace(hit.attempt.witness, persona=silent))
        self.tried += 1
        self.spent += 1
        answers = _run(self.base, self._as_base(replace(hit.experiment, attempts=(attempt,))))
        return any(not self.judge.is_gain(hit.attempt, answer, hit.after) for answer in answers)

    def _is_read(self, hit: Hit) -> bool:
        """Whether the persona reads in BASE what HEAD tells it of others."""
        told = "\n".join(read_told(hit.after))
        told += "\n".join(value for rows in hit.after.rows for row in rows for value in row if value)
        reads = [one.reading for one in hit.attempt.canaries if one.value in told]
        witness = hit.attempt.witness
        attempts = [replace(hit.attempt, witness=replace(witness, statement=text)) for text in reads]
        self.spent += len(attempts)
        answers = (
            _run(self.base, self._as_base(replace(hit.experiment, attempts=tuple(attempts))))
            if attempts
            else []
        )
        return any(not answer.sqlstate and answer.counts[_OWN] for answer in answers)

    def _is_steady(self, hit: Hit) -> bool:
        """Whether BASE leaves the same each time, where that counts: something may be drawn at random."""
        if not hit.attempt.weighs or hit.before.sqlstate:
            return True
        self.spent += 1
        answers = _run(self.base, self._as_base(replace(hit.experiment, attempts=(hit.attempt,))))
        left = len(hit.attempt.values)
        counted = (one.rows[COUNTED] for one in (hit.before, hit.after))
        parts = [slice(-left, None), *([slice(COUNTED, COUNTED + 1)] if len({*counted}) > 1 else ())]
        return any(answer.rows[part] == hit.before.rows[part] for answer in answers for part in parts)

    def _is_comparable(self, experiment: Experiment, attempt: SearchProbe, before: Answer) -> bool:
        """Not where BASE misses what HEAD's row refers to, by a key that was drawn anew, or what HEAD names.

        Nor where it draws a number that is taken, cannot read a value or SQL, or where a call stores a null
        that no row may have: that is no refusal.
        """
        if before.sqlstate == TAKEN and before.constraint in self.counted:
            return False
        if before.sqlstate == _NO_SUCH_KEY:
            changed = [change.key for change in experiment.changes if change.key in self.keys]
            return any(key.name == before.constraint for key in changed)
        if (before.sqlstate, attempt.key.action) == (_NULL, Action.EXECUTE):
            return False
        if before.source_function == RAISED:
            return True  # whatever SQLSTATE the function gives it
        is_refused = before.sqlstate in CLOSED or not before.sqlstate.startswith(_OF_SQL)
        return is_refused and not before.sqlstate.startswith(_OF_A_VALUE)


def _run(session: Session, experiment: Experiment) -> list[Answer]:
    """The answers to all attempts; none where the owner could not make the row, which may not exist there."""
    attempts = [
        (
            *(*become(one.witness.persona), one.witness.statement),
            *(AS_OWNER if one.looks or one.values else ()),
            *(*one.looks, *one.values),
            HEAR,
        )
        for one in experiment.attempts
    ]
    with savepoint(session):
        try:
            for statement in experiment.setup:
                session.connection.execute(statement.encode())
        except psycopg.errors.Error:
            if session.connection.closed:
                raise
            return []
        if experiment.setup:
            session.connection.execute(FORGET.encode())
            [(youngest,)] = session.connection.execute(_YOUNGEST).fetchall()
            attempts = [tuple(written_after(text, youngest) for text in some) for some in attempts]
        with savepoint(session):
            return [hear(answer) for answer in fly(session, attempts)]
