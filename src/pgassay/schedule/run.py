"""One run of a scenario: its sessions take their steps in the order that the caller says."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import psycopg

from pgassay.errors import CannotJudgeError
from pgassay.schedule.footprint import Footprint, Key, footprint_of
from pgassay.schedule.line import Line, Reply
from pgassay.schedule.model import Kind, Scenario, Step
from pgassay.schedule.observer import Observer
from pgassay.schedule.trial import DEADLOCK, SERIALIZATION, Event, Fate, Move, Trial

_PATIENCE = 0.05
"""Seconds without news after which the server is asked who waits, if it was not allowed to say so itself."""

_ENDED = {Kind.COMMIT: "committed", Kind.ROLLBACK: "rolled back", Kind.CRASH: "crashed"}


@dataclass
class Party:
    """A session in a run. `opening` is the SQL that begins each of its transactions."""

    name: str
    line: Line
    steps: tuple[Step, ...]
    opening: str
    retries: int
    next: int = 0  # the number of steps begun
    over: bool = False
    values: dict[str, str | None] = field(default_factory=dict)
    result: str = ""  # how it ended, or what its last attempt failed with
    since: float = 0.0  # when the step began

    @property
    def current(self) -> Step:
        """The step that was begun last."""
        return self.steps[self.next - 1]


class Place(Protocol):
    """Where a run takes place."""

    @property
    def observer(self) -> Observer: ...

    @property
    def unversioned(self) -> frozenset[Key]:
        """Relations whose readers see what is not committed."""

    @property
    def limit(self) -> float:
        """Seconds that a step may take, unless it waits for another session."""


class ScheduleRun:
    """A run in progress. `judge` turns it into a Trial."""

    def __init__(
        self,
        scenario: Scenario,
        parties: Sequence[Party],
        place: Place,
        *,
        judge: Callable[[ScheduleRun], Trial],
    ) -> None:
        self.scenario = scenario
        self.parties = {party.name: party for party in parties}
        self.moves: list[Move] = []
        self._observer = place.observer
        self._unversioned = place.unversioned
        self._limit = place.limit
        self._judge = judge

    @property
    def ready(self) -> tuple[str, ...]:
        """The sessions that can take their next step: neither over nor waiting."""
        return tuple(p.name for p in self.parties.values() if not p.over and not p.line.busy)

    @property
    def left(self) -> Mapping[str, int]:
        """The number of steps that each session has not begun."""
        return {p.name: 0 if p.over else len(p.steps) - p.next for p in self.parties.values()}

    @property
    def _is_calm(self) -> bool:
        return not any(p.line.busy for p in self.parties.values())

    @property
    def waiting(self) -> dict[str, tuple[str, ...]]:
        """The sessions that wait, and for whom."""
        lines = {p.line.pid: p for p in self.parties.values() if p.line.busy}
        names = {p.line.pid: p.name for p in self.parties.values()}
        blockers = self._observer.blockers(list(lines))
        return {lines[pid].name: tuple(names.get(b, str(b)) for b in some) for pid, some in blockers.items()}

    def go(self, session: str) -> Footprint | None:
        """Let a session take its next step; what that touched, None where it commutes with nothing."""
        party = self.parties[session]
        step = party.steps[party.next]
        before = self._observer.locks(party.line.pid) if step.ends else []
        calm = self._is_calm
        self.repeat(session)
        done = self.moves[-1].events[0].fate is Fate.DONE and step.kind is not Kind.CRASH
        # A statement that waits, or goes on after it has waited, may yet touch anything.
        if not (done and calm and self._is_calm):
            return None
        locks = before if step.ends else self._observer.locks(party.line.pid)
        return footprint_of(step.kind, locks, unversioned=self._unversioned)

    def repeat(self, session: str) -> None:
        """As `go`, where the footprint is known from an earlier run."""
        party = self.parties[session]
        party.next += 1
        party.since = time.monotonic()
        events: list[Event] = []
        if party.current.kind is Kind.CRASH:
            self._crash(party, events)
        else:
            party.line.send(_render(self.scenario, party))
        self._settle(events)
        if party.line.busy:
            waits_for = self.waiting.get(session, ())
            events.insert(0, _event(party, Fate.WAITS, waits_for=waits_for))
        self.moves.append(Move(session=session, events=tuple(events)))

    def finish(self) -> Trial:
        """Judge the run, all of whose sessions are over."""
        return self._judge(self)

    def abandon(self) -> None:
        """Roll back whatever is open, until no session waits for another."""
        while open_ := [p for p in self.parties.values() if not p.line.busy and p.line.in_transaction]:
            for party in open_:
                self._roll_back(party)
            self._settle([])

    def _settle(self, events: list[Event]) -> None:
        """Until every session is idle or waits for another, note what they tell."""
        while True:
            busy = [p for p in self.parties.values() if p.line.busy]
            for party in busy:
                if reply := party.line.receive():
                    self._note(party, reply, events)
            busy = [p for p in busy if p.line.busy]
            running = [p for p in busy if not p.line.waiting]
            if running:
                self._await(running)
            elif not busy or not self._wake(busy):
                return

    def _wake(self, waiting: Sequence[Party]) -> bool:
        """Whether somebody no longer waits, or not for what it waited for."""
        blockers = self._observer.blockers([party.line.pid for party in waiting])
        for party in waiting:
            if not blockers[party.line.pid]:
                party.line.waiting = False
        return any(not party.line.waiting for party in waiting)

    def _await(self, running: Sequence[Party]) -> None:
        with selectors.DefaultSelector() as selector:
            for party in running:
                selector.register(party.line, selectors.EVENT_READ)
            if selector.select(_PATIENCE):
                return
        blockers = self._observer.blockers([party.line.pid for party in running])
        for party in running:
            party.line.waiting = bool(blockers[party.line.pid])
            if not party.line.waiting and time.monotonic() - party.since > self._limit:
                raise _endless(self.scenario, party, self._limit)

    def _note(self, party: Party, reply: Reply, events: list[Event]) -> None:
        """Take a reply in; a failed transaction is rolled back at once, as PostgREST does."""
        events.append(_event(party, Fate.FAILED if reply.sqlstate else Fate.DONE, reply=reply))
        step = party.current
        if not reply.sqlstate:
            party.values |= dict(zip(reply.columns, reply.rows[0], strict=True)) if reply.rows else {}
            if party.next == len(party.steps):
                party.result, party.over = _ENDED[step.kind], True
            return
        party.result = _ENDED[Kind.CRASH] if reply.lost else reply.sqlstate
        if party.line.in_transaction:
            self._roll_back(party)
        if reply.sqlstate in (DEADLOCK, SERIALIZATION) and party.retries > 0:
            party.retries -= 1
            party.next = 0
        else:
            party.over = True

    def _crash(self, party: Party, events: list[Event]) -> None:
        self._observer.terminate(party.line.pid)
        party.line.outlive()
        events.append(_event(party, Fate.DONE))
        party.result, party.over = _ENDED[Kind.CRASH], True

    def _roll_back(self, party: Party) -> None:
        ask(party.line, "rollback")


def ask(line: Line, sql: str = "") -> Reply:
    """Send `sql`, if any, and wait for the reply, which no other session may hold up."""
    if sql:
        line.send(sql)
    with selectors.DefaultSelector() as selector:
        selector.register(line, selectors.EVENT_READ)
        while (reply := line.receive()) is None:
            selector.select()
    return reply


def _render(scenario: Scenario, party: Party) -> str:
    step = party.current
    opening = f"{party.opening}; " if step.opens or step.kind is Kind.BEGIN else ""
    if step.kind is not Kind.STATEMENT:
        return opening if step.kind is Kind.BEGIN else step.kind.value
    if "%(" not in step.sql:
        return opening + step.sql
    try:
        return opening + party.line.mogrify(step.sql, party.values)
    except psycopg.ProgrammingError as error:
        raise CannotJudgeError(
            f"{scenario.name}: a step of {party.name} can not be filled in: {error}.",
            why=f"It is: {step}",
            fixes=("return the column by an earlier step, as in `returning id`", "write a literal % as %%"),
        ) from error


def _event(party: Party, fate: Fate, *, reply: Reply | None = None, waits_for: tuple[str, ...] = ()) -> Event:
    return Event(
        session=party.name, step=str(party.current), fate=fate, reply=reply or Reply(), waits_for=waits_for
    )


def _endless(scenario: Scenario, party: Party, limit: float) -> CannotJudgeError:
    return CannotJudgeError(
        f"{scenario.name}: a step of {party.name} did not end in {limit:.0f} s and waits for nobody.",
        why=f"It is: {party.current}",
        fixes=("correct the step, or what it calls", "raise statement_timeout in [tool.pgassay]"),
    )
