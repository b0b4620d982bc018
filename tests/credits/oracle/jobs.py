"""Jobs: their states, their price, their place in the queue."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tests.credits.invariants import BEGINNINGS, ENDS, STEPS
from tests.credits.oracle.ledger import BACKEND, Ledger, Refused
from tests.credits.snapshot import Job

AT_WORK = ("TRANSCRIBING", "ANALYZING", "RENDERING")
UNPAID = ("PENDING", "UPLOADING")
TIERS = {"free": 0, "basic": 10, "pro": 20, "enterprise": 30}
"""The priority of the first jobs of a tier."""
FIRST = 10
"""Of a user so many jobs go by the time when they were queued; as many more for each ten minutes later."""
MOST_UNPAID, MOST_NEW = 100, 200
"""Jobs of a user that wait unpaid, and that are new in 24 hours, which all of an example is."""


@dataclass(frozen=True, kw_only=True)
class JobOrder:
    """A row to insert into jobs. A user names neither cost nor priority nor retries."""

    user: str
    status: str
    cost: int
    priority: int
    max_retries: int
    request: str | None
    has_video: bool = True


@dataclass(frozen=True, kw_only=True)
class Place:
    """How a job stands in the queue: so many times ten minutes after a statement."""

    max_retries: int
    turn: tuple[int, int] = (0, 0)
    waits: bool = False
    is_expired: bool = False


@dataclass
class Jobs:
    """Rows, their places and tokens by id; the requests, by user and key, that made one; tiers by user."""

    ledger: Ledger
    turn: int = 0
    rows: dict[str, Job] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    requests: dict[tuple[str, str], str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    tiers: dict[str, str] = field(default_factory=dict)

    def draft(self, ledger: Ledger) -> Jobs:
        return Jobs(
            ledger,
            self.turn + 1,
            self.rows.copy(),
            self.places.copy(),
            self.requests.copy(),
            self.tokens.copy(),
            self.tiers.copy(),
        )

    def states(self) -> set[str]:
        """The states in which there is a job."""
        return {job.status for job in self.rows.values()}

    def add(self, by: str, orders: Iterable[JobOrder], *, skip_conflicts: bool, ids: Iterator[str]) -> int:
        added = {}
        for order in orders:
            if order.status not in BEGINNINGS:
                raise Refused("PT409" if by == BACKEND else "42501")
            if order.status == "QUEUED" and not order.has_video:
                raise Refused("PT409")
            if by != BACKEND and (order.user != by or self.ledger.accounts[by].is_closed):
                raise Refused("42501")
            if order.request and (order.user, order.request) in self.requests:
                if skip_conflicts:
                    continue
                raise Refused("23505")
            added[id := next(ids)] = order
            if order.request:
                self.requests[order.user, order.request] = id
        self._start(by, added)
        return len(added)

    def move(self, by: str, moves: Mapping[str, str]) -> int:
        moves = {id: status for id, status in moves.items() if self._may_edit(by, id)}
        refusals = {sqlstate for id, status in moves.items() if (sqlstate := self._judge(by, id, status))}
        if refusals:
            raise Refused(*refusals)
        before = {id: self.rows[id].status for id in moves}
        for id, status in moves.items():
            self._move(id, status)
        self._settle(before)
        return len(moves)

    def cancel_all(self, user: str) -> None:
        live = [id for id, job in self.rows.items() if job.user == user and job.status not in ENDS]
        self.move(BACKEND, dict.fromkeys(live, "CANCELLED"))

    def erase(self, user: str) -> None:
        """What is personal of an account that is closed: its videos, and the keys of its requests."""
        own = {id: row for id, row in self.rows.items() if row.user == user}
        self.rows |= {id: replace(row, has_video=False, has_output=False) for id, row in own.items()}
        self.requests = {request: id for request, id in self.requests.items() if id not in own}

    def attach(self, jobs: Collection[str]) -> int:
        """The upload is there: each job names its video."""
        if any(not self.rows[id].has_video and self.rows[id].status not in UNPAID for id in jobs):
            raise Refused("PT409")
        self.rows |= {id: replace(self.rows[id], has_video=True) for id in jobs}
        return len(jobs)

    def set_tier(self, user: str, tier: str) -> int:
        self.tiers[user] = tier
        return 1

    def reprice(self, jobs: Collection[str], cost: int) -> int:
        if any(self.rows[id].cost != cost and self.rows[id].status not in UNPAID for id in jobs):
            raise Refused("PT409")
        self.rows |= {id: replace(self.rows[id], cost=cost) for id in jobs}
        return len(jobs)

    def report(self, job: str, progress: int) -> int:
        if progress < self.rows[job].progress:
            raise Refused("PT409")
        self.rows[job] = replace(self.rows[job], progress=progress)
        return 1

    def claim(self, worker: str, number: int, claimed: Sequence[str], tokens: Sequence[str]) -> int:
        """Which of several jobs that one statement queued comes first is not said."""
        ready = {
            id: (-self.rows[id].priority, place.turn)
            for id, place in self.places.items()
            if self.rows[id].status == "QUEUED" and not place.waits
        }
        best = sorted(ready.values())[:number]
        assert [ready.get(id) for id in claimed] == best, f"handed out {claimed} of {ready}"
        for id in claimed:
            self._move(id, "TRANSCRIBING")
            self.rows[id] = replace(self.rows[id], worker=worker)
        self.tokens |= zip(claimed, tokens, strict=True)
        return len(best)

    def heartbeat(self, job: str, token: str, stage: str | None) -> int:
        """Whoever has the token of the attempt keeps it alive; for anybody else nothing is there."""
        if self.tokens.get(job) != token:
            return 0
        self.places[job] = replace(self.places[job], is_expired=False)
        return self.move(BACKEND, {job: stage or self.rows[job].status})

    def complete(self, job: str, token: str) -> int:
        if self.tokens.get(job) != token:
            return 0
        return self.move(BACKEND, {job: "COMPLETED"})

    def fail(self, job: str, token: str, retry: bool) -> int:
        if self.tokens.get(job) != token:
            return 0
        return self.move(BACKEND, {job: "QUEUED" if retry and self._has_retry(job) else "FAILED"})

    def beat(self, job: str, worker: str) -> int:
        if self.rows[job].worker != worker:
            return 0
        self.places[job] = replace(self.places[job], is_expired=False)
        return 1

    def expire(self, jobs: Collection[str]) -> int:
        alive = [id for id in jobs if self.rows[id].status in AT_WORK]
        self.places |= {id: replace(self.places[id], is_expired=True) for id in alive}
        return len(alive)

    def reclaim(self) -> int:
        lost = [id for id, place in self.places.items() if place.is_expired]
        return self.move(BACKEND, {id: "QUEUED" if self._has_retry(id) else "FAILED" for id in lost})

    def wait(self) -> int:
        """The moment of every next attempt comes."""
        waiting = {id: replace(place, waits=False) for id, place in self.places.items() if place.waits}
        self.places |= waiting
        return len(waiting)

    def _start(self, by: str, added: Mapping[str, JobOrder]) -> None:
        for id, order in added.items():
            own = by != BACKEND
            cost, priority, retries = (1, 0, 3) if own else (order.cost, order.priority, order.max_retries)
            job = Job(
                user=order.user, status="PENDING", cost=cost, priority=priority, has_video=order.has_video
            )
            self.rows[id], self.places[id] = job, Place(max_retries=retries)
            self._move(id, order.status)
        for user in sorted({order.user for order in added.values()}):
            started = {id: "PENDING" for id, order in added.items() if order.user == user}
            if not self.ledger.may_start(user):
                raise Refused("PT403")
            self._settle(started)
            self._check_limits(user)

    def _check_limits(self, user: str) -> None:
        own = [row.status for row in self.rows.values() if row.user == user]
        if sum(status in UNPAID for status in own) > MOST_UNPAID or len(own) > MOST_NEW:
            raise Refused("PT429")

    def _may_edit(self, by: str, job: str) -> bool:
        row = self.rows[job]
        own = by == row.user and row.status in BEGINNINGS and not self.ledger.accounts[by].is_closed
        return by == BACKEND or own

    def _has_retry(self, job: str) -> bool:
        return self.rows[job].retries < self.places[job].max_retries

    def _judge(self, by: str, job: str, status: str) -> str | None:
        before = self.rows[job].status
        if by != BACKEND and status not in (*BEGINNINGS, "CANCELLED"):
            return "42501"
        if status != before and status not in STEPS.get(before, ()):
            return "PT409"
        if status == "QUEUED" and not self.rows[job].has_video:
            return "PT409"
        return "PT409" if status == "QUEUED" and before in AT_WORK and not self._has_retry(job) else None

    def _move(self, id: str, status: str) -> None:
        job, place = self.rows[id], self.places[id]
        if status == job.status:
            return
        if status not in AT_WORK:
            self.tokens.pop(id, None)
        if status == "QUEUED":
            turn, priority = self._take_turn(job)
            place = replace(place, turn=turn, waits=job.status in AT_WORK, is_expired=False)
            job = replace(job, priority=priority)
            if job.status in AT_WORK:
                job = replace(job, retries=job.retries + 1, progress=0, worker=None)
        elif status == "TRANSCRIBING":
            place = replace(place, waits=False)
        elif status in ENDS:
            is_done = status == "COMPLETED"
            job = replace(job, worker=None, has_output=is_done, progress=100 if is_done else job.progress)
            place = replace(place, is_expired=False)
        self.rows[id], self.places[id] = replace(job, status=status, is_attempted=status in AT_WORK), place

    def _take_turn(self, job: Job) -> tuple[tuple[int, int], int]:
        """Where a job stands that enters the queue, and its priority: the first have that of the tier."""
        turns = sorted(
            self.places[id].turn
            for id, other in self.rows.items()
            if other.user == job.user and other.status == "QUEUED"
        )
        if len(turns) >= FIRST:
            delay, turn = turns[-FIRST]
            return (delay + 1, turn), job.priority
        return (0, self.turn), job.priority or TIERS[self.tiers.get(job.user, "free")]

    def _settle(self, before: Mapping[str, str]) -> None:
        """Users in order of id; of each, refunds before charges."""
        for user in sorted({self.rows[id].user for id in before}):
            own = {id: self.rows[id] for id in before if self.rows[id].user == user}
            bad = [
                id
                for id, job in own.items()
                if job.status in ("FAILED", "CANCELLED") and job.status != before[id]
            ]
            if bad:
                self.ledger.refund(user, bad)
            costs = {
                id: job.cost for id, job in own.items() if job.status == "QUEUED" and before[id] in UNPAID
            }
            if costs:
                self.ledger.charge(user, costs)
