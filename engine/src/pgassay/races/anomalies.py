"""Outcomes of concurrent sessions that no order of them, one after the other, gives."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from pgassay.races.anomaly import Anomaly, Compared, Kind
from pgassay.races.arena import Arena
from pgassay.races.difference import differences, inserted, together, updated
from pgassay.races.effects import Reader, Result, Seen
from pgassay.races.explorer import Explorer
from pgassay.races.interruption import Course, Footprints, OtherPointError, Stops
from pgassay.races.line import Reply
from pgassay.races.model import DEADLOCK, Event, Scenario, StepFate, Trial
from pgassay.races.preparation import PreparedScenario
from pgassay.races.run import ScheduleRun
from pgassay.races.sync import NEVER_STOP

_TIMES_MORE = 4
_PLAIN = 2  # a statement and its commit


class SerialComparison:
    """Runs a scenario of two sessions in every order, and in each one after the other."""

    def __init__(self, arena: Arena, scenario: Scenario, *, lenient: frozenset[str] = frozenset()) -> None:
        self._arena = arena
        self._scenario = scenario
        self._names = tuple(session.name for session in scenario.sessions)
        self._lenient = lenient
        self._schedules = self._steps = 0
        one, other = scenario.sessions
        self.shapes = arena.shapes
        self._reader = Reader(shapes=self.shapes)
        self._is_symmetric = (one.persona, one.requests) == (other.persona, other.requests)
        self._is_plain = scenario.inside and all(len(steps) == _PLAIN for steps in scenario.steps.values())
        self._footprints = Footprints(arena)
        self._few: int | None = None
        self._is_cut = False

    def compare(
        self, *, bounds: Sequence[int] = (1,), limit: int = 2000, apart: int | None = None
    ) -> Compared:
        """The anomaly with the simplest schedule. Raises CannotJudgeError, SchemaError.

        A schedule interrupts sessions that could go on at most as often as a bound says: the next one is
        only tried where the one before shows nothing. `limit` is one of steps; `apart` of the schedules that
        interrupt a session which neither waits for the other nor does anything else because of it.
        """
        self._few = apart
        self._stage = PreparedScenario(self._arena, self._scenario)
        compared = self._compare(bounds, limit)
        self._arena.check(self._scenario)
        return compared

    def shows(self, trial: Trial) -> bool:
        """Whether its schedule can be taken here, too, with an outcome of no serial order."""
        self._stage = PreparedScenario(self._arena, self._scenario)
        if self._run_serially():
            return False
        if trial.skips and trial.scenario.shared:
            self._stage.share(trial.scenario.shared)
        run = self._stage.start(trial.skips)
        for name in trial.schedule:
            if name not in run.ready:
                run.abandon()
                return False
            run.repeat(name)
        again = run.finish()
        return self._is_anomalous(again, self._read(self._see(again)))

    def _compare(self, bounds: Sequence[int], limit: int) -> Compared:
        why = self._run_serially()
        return self._done(why=why) if why else self._search(bounds, limit)

    def _run_serially(self, times: int = 1) -> str:
        """What the serial orders give; why there is nothing to compare with."""
        first, second = self._names
        both = self._run(first, second)
        for _ in range(times):
            noise = self._reader.noise(both, self._run(first, second))
            self._reader = Reader(shapes=self.shapes, mask=self._reader.mask | noise)
        forth, one = self._read(both), self._read(alone := self._run(first))
        if forth.answers[0] is None:
            return f"{first} is refused: {both.sqlstates[0]}"
        if not forth.effects:
            return "nothing is written"
        seen = [both, alone]
        if self._is_symmetric:
            self._serial = (forth, forth.turned)
            self._alone = (one, one.turned)
        else:
            seen += [back := self._run(second, first), other := self._run(second)]
            self._serial = (forth, self._read(back))
            self._alone = (one, self._read(other))
        if self._alone[1].answers[1] is None:
            return f"{second} is refused: {seen[-1].sqlstates[1]}"
        self._refused = next((state for one in seen for state in one.sqlstates if state), "")
        return ""

    def _search(self, bounds: Sequence[int], limit: int) -> Compared:
        found: list[tuple[Trial, Seen]] = []
        count = 0
        for bound in bounds:
            for trial, seen in self._trials(bound):
                count += 1
                if self._is_anomalous(trial, self._read(seen)):
                    found.append((trial, seen))
                if self._steps >= limit:
                    return self._done(cut=True, anomaly=self._anomaly(self._reviewed(found), count))
            if reviewed := self._reviewed(found):
                return self._done(anomaly=self._anomaly(reviewed, count))
        return self._done(cut=self._is_cut)

    def _reviewed(self, found: Sequence[tuple[Trial, Seen]]) -> list[tuple[Trial, Result]]:
        """Those that are anomalous still, once one order has been run a few times more.

        Random values may happen to be the same twice.
        """
        if found:
            self._run_serially(_TIMES_MORE)
        results = [(trial, self._read(seen)) for trial, seen in found]
        return [(trial, result) for trial, result in results if self._is_anomalous(trial, result)]

    def _is_anomalous(self, trial: Trial, result: Result) -> bool:
        return trial.saw(StepFate.FAILED, DEADLOCK) or not self._is_serial(result)

    def _trials(self, bound: int) -> Iterator[tuple[Trial, Seen]]:
        """Of two sessions that do the same it is all one which begins."""
        if bound == 1 and self._is_plain:
            try:
                yield from self._interrupted_once()
            except OtherPointError:
                pass
            else:
                return
        for trial in Explorer(self._stage.start, prune=False, bound=bound).explore():
            if self._is_symmetric and trial.schedule[0] != self._names[0]:
                return
            yield trial, self._see(trial)

    def _interrupted_once(self) -> Iterator[tuple[Trial, Seen]]:
        """Each session at each of its points; of those that come to the same only the first and the last."""
        for number, name in enumerate(self._names[:1] if self._is_symmetric else self._names):
            other = name if self._is_symmetric else self._names[1 - number]
            stops = Stops(self._stage, self._footprints, name=name, other=other, number=number)
            looked: dict[int, tuple[Course, Seen]] = {}
            ahead = deque([(0, stops.count)] if stops.are_shared else [])
            while ahead:
                if self._few is not None and len(looked) >= self._few and self._are_apart(looked.values()):
                    self._is_cut = True
                    break
                first, last = ahead.popleft()
                for skip in sorted({first, last} - looked.keys()):
                    course = stops.run(skip)
                    looked[skip] = (course, self._see(course.trial))
                    yield course.trial, looked[skip][1]
                middle = (first + last) // 2
                if middle > first and not self._is_alike(looked[first], looked[last]):
                    ahead += [(first, middle), (middle, last)]

    def _are_apart(self, looked: Iterable[tuple[Course, Seen]]) -> bool:
        """Whether both orders come to what each session does alone, and nobody waited for the other."""
        one, other = self._alone
        answers = (one.answers[0], other.answers[1])
        effects = together(one, other)
        is_sum = all((result.answers, result.effects) == (answers, effects) for result in self._serial)
        return is_sum and not any(course.waited for course, _ in looked)

    def _is_alike(self, one: tuple[Course, Seen], other: tuple[Course, Seen]) -> bool:
        """Not where a session leaves out what is locked: it goes on instead of waiting."""
        wait = one[0].wait
        alike = wait is not None and wait == other[0].wait and not self._lenient
        return alike and self._read(one[1]) == self._read(other[1])

    def _done(self, *, why: str = "", cut: bool = False, anomaly: Anomaly | None = None) -> Compared:
        serial = getattr(self, "_serial", ())
        return Compared(
            schedules=self._schedules, steps=self._steps, why=why, cut=cut, anomaly=anomaly, serial=serial
        )

    def _run(self, *order: str) -> Seen:
        """One after the other."""
        run: ScheduleRun = self._stage.start((NEVER_STOP, NEVER_STOP))
        for name in order:
            while name in run.ready:
                run.repeat(name)
                if self._is_plain:
                    self._footprints.note(run, name)
        return self._see(run.finish())

    def _see(self, trial: Trial) -> Seen:
        self._schedules += 1
        self._steps += len(trial.moves)
        results = dict(trial.outcome.values)
        replies = tuple(_reply(trial, name) if results[name] == "committed" else None for name in self._names)
        return Seen(
            replies=replies,
            changes=self._arena.changes(),
            now=datetime.now(UTC),
            sqlstates=tuple("" if results[n] == "committed" else results[n] or "" for n in self._names),
        )

    def _read(self, seen: Seen) -> Result:
        return self._reader.read(seen)

    def _is_serial(self, result: Result) -> bool:
        """Whether an order has it, or the session that was refused might as well not have been."""
        if result in self._serial or result in self._alone:
            return True
        if all(answer is None for answer in result.answers):
            return not result.effects
        return any(
            name in self._lenient
            and result.effects == self._alone[1 - number].effects
            and result.answers[1 - number] == self._alone[1 - number].answers[1 - number]
            for number, name in enumerate(self._names)
        )

    def _anomaly(self, found: Sequence[tuple[Trial, Result]], schedules: int) -> Anomaly | None:
        if not found:
            return None
        states = [one for one in found if self._kind(*one) is not Kind.STALE_ANSWER]
        harmful = [one for one in states if self._kind(*one) is not Kind.DEADLOCK]
        trial, result = min(harmful or states or found, key=lambda one: (one[0].simplicity, one[0].skips))
        nearest = min(self._serial, key=lambda one: len(list(differences(result, one, self.shapes))))
        return Anomaly(
            kind=self._kind(trial, result),
            trial=trial,
            result=result,
            differences=tuple(differences(result, nearest, self.shapes)),
            refused=self._refused,
            schedules=schedules,
            broken=len(found),
        )

    def _names_a_row(self, result: Result) -> bool:
        """Whether both were answered the same, and that is a row that was written."""
        first, second = result.answers
        if first is None or first != second:
            return False
        keys = {
            json.loads(line).get(name)
            for lines in result.effects
            for line in (*lines.gone, *lines.new)
            for name in self.shapes[lines.table].key
        }
        return not keys.isdisjoint(value for row in json.loads(first)[1] for value in row if value)

    def _kind(self, trial: Trial, result: Result) -> Kind:
        if trial.saw(StepFate.FAILED, DEADLOCK):
            return Kind.DEADLOCK
        if result.effects in [one.effects for one in self._serial]:
            one_each = any(one.answers[0] != one.answers[1] for one in self._serial)
            twice = one_each and self._names_a_row(result)
            return Kind.DOUBLE_EFFECT if twice else Kind.STALE_ANSWER
        changed, most_changed = updated(result), max(map(updated, self._serial))
        if inserted(result) > max(map(inserted, self._serial)):
            return Kind.DOUBLE_EFFECT if changed else Kind.PHANTOM
        if changed > most_changed:
            return Kind.WRITE_SKEW
        passes = None not in result.answers and all(None in one.answers for one in self._serial)
        return Kind.DOUBLE_EFFECT if passes else Kind.LOST_UPDATE


def _reply(trial: Trial, name: str) -> Reply | None:
    """What the statements of a session returned; of several the last that returned rows."""
    done = [e.reply for e in _events(trial) if e.session == name and e.fate is StepFate.DONE]
    return next((reply for reply in reversed(done) if reply.columns), Reply()) if done else None


def _events(trial: Trial) -> Iterator[Event]:
    return (event for move in trial.moves for event in move.events)
