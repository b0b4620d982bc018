"""One run of a scenario: its sessions take their steps in the order that the caller says."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import psycopg

from pgassay.errors import CannotJudgeError
from pgassay.races.arena import Arena
from pgassay.races.explorer import Touched, footprint_of
from pgassay.races.line import NOTHING, Reply, SessionLine, ask, wait_for
from pgassay.races.model import (
    DEADLOCK,
    SERIALIZATION,
    Event,
    Move,
    Scenario,
    Step,
    StepFate,
    StepKind,
    Trial,
)


@dataclass
class Party:
    """A session in a run. `opening` is the SQL that begins each of its transactions."""

    name: str
    number: int
    line: SessionLine
    steps: tuple[Step, ...]
    opening: str
    retries: int
    next: int = 0  # the number of steps begun
    over: bool = False
    values: dict[str, str | None] = field(default_factory=dict)
    result: str = ""  # how it ended, or what its last attempt failed with
    since: float = 0.0  # when the step began, or went on after it had waited

    @property
    def is_under_way(self) -> bool:
        """Whether its step runs or waits for another session."""
        return self.line.busy and not self.line.paused

    @property
    def can_go(self) -> bool:
        """Whether it can begin a step, or go on from a sync point."""
        return not self.over and not self.is_under_way

    @property
    def current(self) -> Step:
        """The step that was begun last."""
        return self.steps[self.next - 1]

    def render(self) -> str:
        """The SQL of the current step. Raises CannotJudgeError for a value that no step has returned."""
        step = self.current
        opening = f"{self.opening}; " if step.opens or step.kind is StepKind.BEGIN else ""
        if step.kind is not StepKind.STATEMENT:
            return opening if step.kind is StepKind.BEGIN else step.kind.value
        if "%(" not in step.sql:
            return opening + step.sql
        try:
            return opening + self.line.mogrify(step.sql, self.values)
        except psycopg.ProgrammingError as error:
            raise CannotJudgeError(
                f"A step of {self.name} can not be filled in: {error}.",
                why=f"It is: {step}",
                fixes=("return the column by an earlier step, as in `returning id`", "write % as %%"),
            ) from error


_POLL = 0.05
"""Seconds without news after which the server is asked who waits."""

_ENDED = {StepKind.COMMIT: "committed", StepKind.ROLLBACK: "rolled back", StepKind.CRASH: "crashed"}


class ScheduleRun:
    """A run in progress. `judge` turns it into a Trial."""

    def __init__(
        self,
        scenario: Scenario,
        parties: Sequence[Party],
        arena: Arena,
        *,
        judge: Callable[[ScheduleRun], Trial],
        skips: tuple[int, ...] = (),
    ) -> None:
        self.scenario = scenario
        self.skips = skips
        self.parties = {party.name: party for party in parties}
        self.moves: list[Move] = []
        self._arena = arena
        self._observer = arena.observer
        # Whoever waits at a gate does not wait for another session.
        self._no_blocker = {arena.gatekeeper.pid} if scenario.inside else set[int]()
        self._judge = judge

    @property
    def ready(self) -> tuple[str, ...]:
        """The sessions that can take their next step: neither over nor waiting."""
        return tuple(p.name for p in self.parties.values() if p.can_go)

    @property
    def left(self) -> Mapping[str, int]:
        """The number of steps that each session has not begun."""
        return {p.name: 0 if p.over else len(p.steps) - p.next for p in self.parties.values()}

    @property
    def _is_calm(self) -> bool:
        return not any(party.line.busy for party in self.parties.values())

    @property
    def waiting(self) -> dict[str, tuple[str, ...]]:
        """The sessions that wait, and for whom."""
        names = {p.line.pid: p.name for p in self.parties.values()}
        return {
            p.name: tuple(names.get(pid, str(pid)) for pid in self._blockers([p])[p.line.pid])
            for p in self.parties.values()
            if p.is_under_way
        }

    def go(self, session: str) -> Touched | None:
        """Let a session take its next step; what that touched, None where it commutes with nothing."""
        party = self.parties[session]
        step = party.steps[party.next]
        before = self._observer.locks(party.line.pid) if step.ends else []
        calm = self._is_calm
        self.repeat(session)
        done = self.moves[-1].events[0].fate is StepFate.DONE and step.kind is not StepKind.CRASH
        # A statement that waits, or goes on after it has waited, may yet touch anything.
        if not (done and calm and self._is_calm):
            return None
        locks = before if step.ends else self._observer.locks(party.line.pid)
        return footprint_of(step.kind, locks, self._arena.peculiar)

    def repeat(self, session: str) -> None:
        """As `go`, where nobody asks for the footprint."""
        party = self.parties[session]
        events: list[Event] = []
        self._advance(party, events)
        stopped = {p.name for p in self.parties.values() if p.line.paused}
        self._settle(events)
        if party.is_under_way:
            events.insert(0, _event(party, StepFate.WAITS, waits_for=self.waiting.get(session, ())))
        events += [
            _event(p, StepFate.PAUSED, reply=Reply(message=p.line.paused))
            for p in self.parties.values()
            if p.line.paused and p.name not in stopped
        ]
        events.sort(key=lambda event: event.session != session)
        self.moves.append(Move(session=session, events=tuple(events)))

    def _advance(self, party: Party, events: list[Event]) -> None:
        """Begin the next step, or go on from a sync point."""
        if not party.can_go:
            raise CannotJudgeError(
                f"{self.scenario.name}: a schedule did not go twice as it went before.",
                why=f"{party.name} can not go on after {','.join(move.session for move in self.moves)}",
                fixes=("let nothing but the order of the steps decide what they do: no time, no chance",),
            )
        party.since = time.monotonic()
        if party.line.paused:
            self._pass_gate(party, events)
            return
        party.next += 1
        if party.current.kind is StepKind.CRASH:
            self._crash(party, events)
        else:
            party.line.send(party.render())

    def _pass_gate(self, party: Party, events: list[Event]) -> None:
        keeper = self._arena.gatekeeper
        keeper.open(party.number)
        while party.line.busy and not party.line.passed:
            if reply := party.line.receive():  # a timeout
                self._note(party, reply, events)
            elif not party.line.passed:
                wait_for([party.line])
        keeper.let_go(party.number)

    def finish(self) -> Trial:
        """Judge the run, all of whose sessions are over."""
        return self._judge(self)

    def abandon(self) -> None:
        """Roll back whatever is open, until no session waits for another."""
        while open_ := [p for p in self.parties.values() if not p.line.busy and p.line.in_transaction]:
            for party in open_:
                ask(party.line, "rollback")
            self._settle([])

    def _settle(self, events: list[Event]) -> None:
        """Note what the sessions tell, until each of them is idle, stopped or waits for another."""
        while True:
            self._receive(events)
            under_way = [party for party in self.parties.values() if party.is_under_way]
            running = [party for party in under_way if not party.line.waiting]
            if running or (under_way and not self.ready):
                # Where all of them wait, PostgreSQL is about to find a deadlock.
                self._await(running or under_way)
                continue
            blockers = self._blockers(under_way)
            if self._receive(events):
                continue
            for party in under_way:
                if not blockers[party.line.pid]:
                    party.line.waiting, party.since = False, time.monotonic()
            if all(party.line.waiting for party in under_way):
                return

    def _receive(self, events: list[Event]) -> bool:
        """Whether somebody had a reply."""
        replies = [(p, reply) for p in self.parties.values() if p.line.busy and (reply := p.line.receive())]
        for party, reply in replies:
            self._note(party, reply, events)
        return bool(replies)

    def _await(self, parties: Sequence[Party]) -> None:
        """Wait for news of any of them."""
        if wait_for([party.line for party in parties], seconds=_POLL):
            return
        blockers = self._blockers(parties)
        for party in parties:
            blocked, elapsed = bool(blockers[party.line.pid]), time.monotonic() - party.since
            party.line.waiting = blocked and (party.line.waiting or elapsed > self._observer.patience)
            if elapsed > self._arena.limit and not (blocked and self.ready):
                raise _endless(self.scenario, party, blockers[party.line.pid], self._arena.limit)

    def _blockers(self, parties: Sequence[Party]) -> dict[int, set[int]]:
        """For whom each of them waits, by process."""
        found = self._observer.blockers([party.line.pid for party in parties])
        return {pid: blockers - self._no_blocker for pid, blockers in found.items()}

    def _note(self, party: Party, reply: Reply, events: list[Event]) -> None:
        """Take a reply in; a failed transaction is rolled back at once, as PostgREST does."""
        events.append(_event(party, StepFate.FAILED if reply.sqlstate else StepFate.DONE, reply=reply))
        step = party.current
        if not reply.sqlstate:
            party.values |= dict(zip(reply.columns, reply.rows[0], strict=True)) if reply.rows else {}
            if party.next == len(party.steps):
                party.result, party.over = _ENDED[step.kind], True
            return
        party.result = _ENDED[StepKind.CRASH] if reply.lost else reply.sqlstate
        if party.line.in_transaction:
            ask(party.line, "rollback")
        if reply.sqlstate in (DEADLOCK, SERIALIZATION) and party.retries > 0:
            party.retries -= 1
            party.next = 0
        else:
            party.over = True

    def _crash(self, party: Party, events: list[Event]) -> None:
        self._observer.terminate(party.line.pid)
        party.line.outlive()
        events.append(_event(party, StepFate.DONE))
        party.result, party.over = _ENDED[StepKind.CRASH], True


def _event(party: Party, fate: StepFate, *, reply: Reply = NOTHING, waits_for: tuple[str, ...] = ()) -> Event:
    return Event(session=party.name, step=str(party.current), fate=fate, reply=reply, waits_for=waits_for)


def _endless(scenario: Scenario, party: Party, blockers: set[int], limit: float) -> CannotJudgeError:
    reason = f"waits for {', '.join(map(str, blockers))}" if blockers else "waits for nobody"
    return CannotJudgeError(
        f"{scenario.name}: a step of {party.name} did not end in {limit:.0f} s, and {reason}.",
        why=f"It is: {party.current}",
        fixes=(
            "correct the step, or what it calls",
            "raise statement_timeout in pgassay.toml or [tool.pgassay]",
        ),
    )
