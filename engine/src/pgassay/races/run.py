"""One run of a scenario: its sessions take their steps in the order that the caller says."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from pgassay.errors import CannotJudgeError
from pgassay.races.footprint import Footprint, Peculiar, footprint_of
from pgassay.races.line import NOTHING, Reply, ask, wait_for
from pgassay.races.model import Kind, Scenario
from pgassay.races.observer import Observer
from pgassay.races.party import Party
from pgassay.races.record import DEADLOCK, SERIALIZATION, Event, Fate, Move, Trial
from pgassay.races.sync import Gatekeeper

_POLL = 0.05
"""Seconds without news after which the server is asked who waits."""

_ENDED = {Kind.COMMIT: "committed", Kind.ROLLBACK: "rolled back", Kind.CRASH: "crashed"}


class Place(Protocol):
    """Where a run takes place."""

    @property
    def observer(self) -> Observer: ...

    @property
    def peculiar(self) -> Peculiar:
        """Relations whose locks mean something else than those of tables."""

    @property
    def limit(self) -> float:
        """Seconds that a step may take, unless it waits for another session."""

    @property
    def gatekeeper(self) -> Gatekeeper:
        """Who lets sessions go on that have come to a sync point."""


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
        self._place = place
        self._observer = place.observer
        # Whoever waits at a gate does not wait for another session.
        self._no_blocker = {place.gatekeeper.pid} if scenario.inside else set[int]()
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
        return footprint_of(step.kind, locks, self._place.peculiar)

    def repeat(self, session: str) -> None:
        """As `go`, where nobody asks for the footprint."""
        party = self.parties[session]
        events: list[Event] = []
        self._advance(party, events)
        stopped = {p.name for p in self.parties.values() if p.line.paused}
        self._settle(events)
        if party.is_under_way:
            events.insert(0, _event(party, Fate.WAITS, waits_for=self.waiting.get(session, ())))
        events += [
            _event(p, Fate.PAUSED, reply=Reply(message=p.line.paused))
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
        if party.current.kind is Kind.CRASH:
            self._crash(party, events)
        else:
            party.line.send(party.render())

    def _pass_gate(self, party: Party, events: list[Event]) -> None:
        keeper = self._place.gatekeeper
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
                self._roll_back(party)
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
            if elapsed > self._place.limit and not (blocked and self.ready):
                raise _endless(self.scenario, party, blockers[party.line.pid], self._place.limit)

    def _blockers(self, parties: Sequence[Party]) -> dict[int, set[int]]:
        """For whom each of them waits, by process."""
        found = self._observer.blockers([party.line.pid for party in parties])
        return {pid: blockers - self._no_blocker for pid, blockers in found.items()}

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


def _event(party: Party, fate: Fate, *, reply: Reply = NOTHING, waits_for: tuple[str, ...] = ()) -> Event:
    return Event(session=party.name, step=str(party.current), fate=fate, reply=reply, waits_for=waits_for)


def _endless(scenario: Scenario, party: Party, blockers: set[int], limit: float) -> CannotJudgeError:
    reason = f"waits for {', '.join(map(str, blockers))}" if blockers else "waits for nobody"
    return CannotJudgeError(
        f"{scenario.name}: a step of {party.name} did not end in {limit:.0f} s, and {reason}.",
        why=f"It is: {party.current}",
        fixes=("correct the step, or what it calls", "raise statement_timeout in [tool.pgassay]"),
    )
