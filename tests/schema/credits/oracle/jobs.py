"""Jobs: their states, their price, their place in the queue."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from credits.invariants import BEGINNINGS, ENDS, STEPS
from credits.oracle.ledger import BACKEND, Ledger, Refused
from credits.snapshot import Job

AT_WORK = ("TRANSCRIBING", "ANALYZING", "RENDERING")
UNPAID = ("PENDING", "UPLOADING")


@dataclass(frozen=True, kw_only=True)
class JobOrder:
    """A row to insert into jobs. A user names neither cost nor priority nor retries."""

    user: str
    status: str
    cost: int
    priority: int
    max_retries: int
    request: str | None


@dataclass(frozen=True, kw_only=True)
class Place:
    """How a job stands in the queue, and since which statement."""

    priority: int
    max_retries: int
    turn: int
    waits: bool = False
    is_expired: bool = False


@dataclass
class Jobs:
    """Rows and their places by id; the requests, by user and key, that made one."""

    ledger: Ledger
    turn: int = 0
    rows: dict[str, Job] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    requests: set[tuple[str, str]] = field(default_factory=set)

    def draft(self, ledger: Ledger) -> Jobs:
        return Jobs(ledger, self.turn + 1, self.rows.copy(), self.places.copy(), self.requests.copy())

    def states(self) -> set[str]:
        """The states in which there is a job."""
        return {job.status for job in self.rows.values()}

    def add(self, by: str, orders: Iterable[JobOrder], *, skip_conflicts: bool, ids: Iterator[str]) -> int:
        added = {}
        for order in orders:
            if by != BACKEND and (order.user != by or self.ledger.accounts[by].is_closed):
                raise Refused("42501")
            if order.status not in BEGINNINGS:
                raise Refused("PT409" if by == BACKEND else "42501")
            if order.request and (order.user, order.request) in self.requests:
                if skip_conflicts:
                    continue
                raise Refused("23505")
            added[next(ids)] = order
            if order.request:
                self.requests.add((order.user, order.request))
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

    def claim(self, worker: str, number: int, claimed: Sequence[str]) -> int:
        """Which of several jobs that one statement queued comes first is not said."""
        ready = {
            id: (-place.priority, place.turn)
            for id, place in self.places.items()
            if self.rows[id].status == "QUEUED" and not place.waits
        }
        best = sorted(ready.values())[:number]
        assert [ready.get(id) for id in claimed] == best, f"handed out {claimed} of {ready}"
        for id in claimed:
            self._move(id, "TRANSCRIBING")
            self.rows[id] = replace(self.rows[id], worker=worker)
        return len(best)

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
        if not all(self.ledger.may_start(order.user) for order in added.values()):
            raise Refused("PT403")
        for id, order in added.items():
            own = by != BACKEND
            cost, priority, retries = (1, 0, 3) if own else (order.cost, order.priority, order.max_retries)
            self.rows[id] = Job(user=order.user, status=order.status, cost=cost)
            self.places[id] = Place(priority=priority, max_retries=retries, turn=self.turn)
        self._settle(dict.fromkeys(added, "PENDING"))

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
        return "PT409" if status == "QUEUED" and before in AT_WORK and not self._has_retry(job) else None

    def _move(self, id: str, status: str) -> None:
        job, place = self.rows[id], self.places[id]
        if status == job.status:
            return
        if status == "QUEUED":
            place = replace(place, turn=self.turn, waits=job.status in AT_WORK, is_expired=False)
            if job.status in AT_WORK:
                job = replace(job, retries=job.retries + 1, progress=0, worker=None)
        elif status == "TRANSCRIBING":
            place = replace(place, waits=False)
        elif status in ENDS:
            job = replace(job, worker=None, progress=100 if status == "COMPLETED" else job.progress)
            place = replace(place, is_expired=False)
        self.rows[id], self.places[id] = replace(job, status=status), place

    def _settle(self, before: Mapping[str, str]) -> None:
        """Users in order of id; of each, refunds before charges."""
        for id in sorted(before, key=lambda id: (self.rows[id].user, self.rows[id].status == "QUEUED", id)):
            job = self.rows[id]
            if job.status == "QUEUED" and before[id] in UNPAID:
                self.ledger.charge(job.user, id, job.cost)
            elif job.status in ("FAILED", "CANCELLED") and job.status != before[id]:
                self.ledger.refund(job.user, id)
