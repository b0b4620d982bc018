"""What credits are, in plain Python: which statement must be refused, and what every other must do.

Written from the specification, without SQL. Ids come from the database, nothing else does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from credits.invariants import BEGINNINGS, ENDS, PAYMENT_BEGINNINGS, PAYMENT_STEPS, STEPS
from credits.snapshot import Account, Entry, Job, Payment, Snapshot

BACKEND = "the backend"
"""Who acts; else it is a user, by id."""
AT_WORK = ("TRANSCRIBING", "ANALYZING", "RENDERING")
UNPAID = ("PENDING", "UPLOADING")


class Refused(Exception):  # noqa: N818
    """The statement fails with one of these SQLSTATEs: of several bad rows, any may come first."""

    def __init__(self, *sqlstates: str) -> None:
        super().__init__(*sqlstates)
        self.sqlstates = frozenset(sqlstates)


@dataclass(frozen=True, kw_only=True)
class JobOrder:
    """A row to insert into jobs."""

    user: str
    status: str
    cost: int
    priority: int
    max_retries: int
    request: str | None


@dataclass(frozen=True, kw_only=True)
class PaymentOrder:
    """A row to insert into payments; the credits tell which package, and 1 is the free trial."""

    user: str
    provider: str
    credits: int
    status: str
    reference: str | None


@dataclass(frozen=True, kw_only=True)
class Place:
    """How a job stands in the queue, and since which statement."""

    priority: int
    max_retries: int
    turn: int = 0
    waits: bool = False
    is_expired: bool = False


@dataclass
class Books:
    """All that matters of credits. Each public method is a statement, and says how many rows it touches.

    It raises Refused and is left half done when the statement must fail: work on a `draft`.
    """

    turn: int = 0
    accounts: dict[str, Account] = field(default_factory=dict)
    sign_ins: dict[str, bool] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    requests: set[tuple[str, str]] = field(default_factory=set)
    payments: dict[str, Payment] = field(default_factory=dict)
    events: set[tuple[str, str]] = field(default_factory=set)
    owed: dict[str, int] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    grants: dict[str, tuple[str, str, int]] = field(default_factory=dict)

    def draft(self) -> Books:
        """A copy for the next statement."""
        copies = {name: value.copy() for name, value in vars(self).items() if name != "turn"}
        return Books(turn=self.turn + 1, **copies)

    def snapshot(self) -> Snapshot:
        return Snapshot(
            accounts=self.accounts, jobs=self.jobs, payments=self.payments, entries=tuple(self.entries)
        )

    def states(self) -> set[str]:
        """The states in which there is a job."""
        return {job.status for job in self.jobs.values()}

    # Accounts

    def sign_up(self, users: Sequence[str]) -> int:
        if any(user in self.sign_ins for user in users):
            raise Refused("23505")
        for user in users:
            self.sign_ins[user] = True
            self.accounts.setdefault(user, Account())
        return len(users)

    def suspend(self, user: str, active: bool) -> int:
        self.accounts[user] = replace(self.accounts[user], is_active=active)
        return 1

    def close(self, user: str) -> int:
        """The backend sets deleted_at."""
        self._cancel_all(user)
        self.accounts[user] = replace(self.accounts[user], is_closed=True)
        return 1

    def leave(self, user: str, *, for_good: bool) -> int:
        """The auth server marks its user deleted, or deletes it."""
        if user not in self.sign_ins:
            return 0
        if self.sign_ins[user] or for_good:
            self.close(user)
            self.suspend(user, active=False)
        self.sign_ins[user] = False
        if for_good:
            del self.sign_ins[user]
        return 1

    def grant(self, user: str, kind: str, amount: int, key: str | None) -> int:
        if kind not in ("BONUS", "ADJUSTMENT") or amount == 0 or (kind == "BONUS" and amount < 0):
            raise Refused("22023")
        if self.accounts[user].is_closed:
            raise Refused("PT404")
        if key in self.grants:
            if self.grants[key] != (user, kind, amount):
                raise Refused("PT409")
            return 1
        self._post(user, kind, amount)
        if key:
            self.grants[key] = (user, kind, amount)
        return 1

    # Jobs

    def add_jobs(
        self, by: str, orders: Iterable[JobOrder], *, skip_conflicts: bool, ids: Iterator[str]
    ) -> int:
        added = {}
        for order in orders:
            if by != BACKEND and (order.user != by or self.accounts[by].is_closed):
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
        self._start_jobs(by, added)
        return len(added)

    def _start_jobs(self, by: str, added: Mapping[str, JobOrder]) -> None:
        if not all(self._may_start(order.user) for order in added.values()):
            raise Refused("PT403")
        for id, order in added.items():
            own = by != BACKEND
            cost, priority, retries = (1, 0, 3) if own else (order.cost, order.priority, order.max_retries)
            self.jobs[id] = Job(user=order.user, status=order.status, cost=cost)
            self.places[id] = Place(priority=priority, max_retries=retries, turn=self.turn)
        self._settle_jobs(dict.fromkeys(added, "PENDING"))

    def move_jobs(self, by: str, moves: Mapping[str, str]) -> int:
        moves = {id: status for id, status in moves.items() if self._may_edit(by, id)}
        refusals = {
            sqlstate for id, status in moves.items() if (sqlstate := self._judge_move(by, id, status))
        }
        if refusals:
            raise Refused(*refusals)
        before = {id: self.jobs[id].status for id in moves}
        for id, status in moves.items():
            self._move_job(id, status)
        self._settle_jobs(before)
        return len(moves)

    def reprice(self, jobs: Collection[str], cost: int) -> int:
        if any(self.jobs[id].cost != cost and self.jobs[id].status not in UNPAID for id in jobs):
            raise Refused("PT409")
        self.jobs |= {id: replace(self.jobs[id], cost=cost) for id in jobs}
        return len(jobs)

    def report(self, job: str, progress: int) -> int:
        if progress < self.jobs[job].progress:
            raise Refused("PT409")
        self.jobs[job] = replace(self.jobs[job], progress=progress)
        return 1

    # The queue

    def claim(self, worker: str, count: int, claimed: Sequence[str]) -> int:
        """Which of several jobs queued by one statement comes first is not said."""
        ready = {
            id: (-place.priority, place.turn)
            for id, place in self.places.items()
            if self.jobs[id].status == "QUEUED" and not place.waits
        }
        best = sorted(ready.values())[:count]
        assert [ready.get(id) for id in claimed] == best, f"handed out {claimed} of {ready}"
        for id in claimed:
            self._move_job(id, "TRANSCRIBING")
            self.jobs[id] = replace(self.jobs[id], worker=worker)
        return len(best)

    def beat(self, job: str, worker: str) -> int:
        if self.jobs[job].worker != worker:
            return 0
        self.places[job] = replace(self.places[job], is_expired=False)
        return 1

    def expire(self, jobs: Collection[str]) -> int:
        alive = [id for id in jobs if self.jobs[id].status in AT_WORK]
        self.places |= {id: replace(self.places[id], is_expired=True) for id in alive}
        return len(alive)

    def reclaim(self) -> int:
        lost = [id for id, place in self.places.items() if place.is_expired]
        return self.move_jobs(BACKEND, {id: "QUEUED" if self._has_retry(id) else "FAILED" for id in lost})

    def wait(self) -> None:
        """The moment of every next attempt comes."""
        self.places = {id: replace(place, waits=False) for id, place in self.places.items()}

    # Payments

    def order(self, orders: Iterable[PaymentOrder], *, skip_conflicts: bool, ids: Iterator[str]) -> int:
        added = []
        for order in orders:
            if order.status not in PAYMENT_BEGINNINGS:
                raise Refused("PT409")
            payment = Payment(**vars(order))
            sqlstate = self._judge_payment(payment, among=self.payments)
            if sqlstate == "23505" and skip_conflicts:
                continue
            if sqlstate:
                raise Refused(sqlstate)
            added.append(next(ids))
            self.payments[added[-1]] = payment
        self._settle_payments(dict.fromkeys(added, "PENDING"))
        return len(added)

    def move_payments(self, payments: Collection[str], status: str, reference: str | None = None) -> int:
        before = {id: self.payments[id].status for id in payments}
        refusals = set()
        for id in payments:
            payment = self.payments[id]
            moved = replace(payment, status=status, reference=payment.reference or reference)
            others = {other: row for other, row in self.payments.items() if other != id}
            if status != payment.status and status not in PAYMENT_STEPS.get(payment.status, ()):
                refusals.add("PT409")
            elif sqlstate := self._judge_payment(moved, among=others):
                refusals.add(sqlstate)
            else:
                self.payments[id] = moved
        if refusals:
            raise Refused(*refusals)
        self._settle_payments(before)
        return len(payments)

    def webhook(self, payment: str, event: str, status: str, reference: str | None) -> int:
        seen = (self.payments[payment].provider, event)
        if seen in self.events:
            return 0
        self.events.add(seen)
        return self.move_payments([payment], status, reference)

    # What the statements share

    def _may_start(self, user: str) -> bool:
        return self.accounts[user].is_active and not self.accounts[user].is_closed

    def _may_edit(self, by: str, job: str) -> bool:
        row = self.jobs[job]
        own = by == row.user and row.status in BEGINNINGS and not self.accounts[by].is_closed
        return by == BACKEND or own

    def _has_retry(self, job: str) -> bool:
        return self.jobs[job].retries < self.places[job].max_retries

    def _judge_move(self, by: str, job: str, status: str) -> str | None:
        before = self.jobs[job].status
        if by != BACKEND and status not in (*BEGINNINGS, "CANCELLED"):
            return "42501"
        if status != before and status not in STEPS.get(before, ()):
            return "PT409"
        return "PT409" if status == "QUEUED" and before in AT_WORK and not self._has_retry(job) else None

    def _move_job(self, id: str, status: str) -> None:
        job, place = self.jobs[id], self.places[id]
        if status == job.status:
            return
        if status == "QUEUED" and job.status in AT_WORK:
            job = replace(job, retries=job.retries + 1, progress=0, worker=None)
            place = replace(place, turn=self.turn, waits=True, is_expired=False)
        elif status == "QUEUED":
            place = replace(place, turn=self.turn)
        elif status in ENDS:
            job = replace(job, worker=None, progress=100 if status == "COMPLETED" else job.progress)
            place = replace(place, is_expired=False)
        self.jobs[id], self.places[id] = replace(job, status=status), place

    def _cancel_all(self, user: str) -> None:
        live = [id for id, job in self.jobs.items() if job.user == user and job.status not in ENDS]
        self.move_jobs(BACKEND, dict.fromkeys(live, "CANCELLED"))

    def _settle_jobs(self, before: Mapping[str, str]) -> None:
        """Users in order of id; of each, refunds before charges."""
        for id in sorted(before, key=lambda id: (self.jobs[id].user, self.jobs[id].status == "QUEUED", id)):
            status = self.jobs[id].status
            if status == "QUEUED" and before[id] in UNPAID:
                self._charge(id)
            elif status in ("FAILED", "CANCELLED") and status != before[id]:
                self._refund(id)

    def _charge(self, id: str) -> None:
        job = self.jobs[id]
        if not self._may_start(job.user):
            raise Refused("PT403")
        self._post(job.user, "USAGE", -job.cost, job=id)

    def _refund(self, id: str) -> None:
        user = self.jobs[id].user
        charged = -sum(entry.amount for entry in self.entries if entry.job == id)
        if charged:
            self._post(user, "REFUND", charged, job=id)
            if recovered := min(charged, self.owed.get(user, 0)):
                self.owed[user] -= recovered
                self._post(user, "ADJUSTMENT", -recovered)

    def _judge_payment(self, payment: Payment, *, among: Mapping[str, Payment]) -> str | None:
        settled = ("COMPLETED", "REFUNDED")
        if payment.status in settled and payment.provider != "MANUAL" and not payment.reference:
            return "23514"
        named = (payment.provider, payment.reference)
        for other in among.values():
            if payment.reference and named == (other.provider, other.reference):
                return "23505"
            trials = payment.credits == other.credits == 1 and payment.user == other.user
            if trials and payment.status in settled and other.status in settled:
                return "23505"
        return None

    def _settle_payments(self, before: Mapping[str, str]) -> None:
        for id in sorted(before, key=lambda id: (self.payments[id].user, id)):
            payment = self.payments[id]
            if payment.status == before[id]:
                continue
            if payment.status == "COMPLETED":
                self._post(payment.user, "PURCHASE", payment.credits, payment=id)
            elif payment.status == "REFUNDED":
                self._claw_back(id)

    def _claw_back(self, id: str) -> None:
        payment = self.payments[id]
        taken = min(payment.credits, self.accounts[payment.user].credits)
        if taken:
            self._post(payment.user, "ADJUSTMENT", -taken, payment=id)
        self.payments[id] = replace(payment, shortfall=payment.credits - taken)
        self.owed[payment.user] = self.owed.get(payment.user, 0) + payment.credits - taken

    def _post(
        self, user: str, kind: str, amount: int, *, job: str | None = None, payment: str | None = None
    ) -> None:
        account = self.accounts[user]
        balance = account.credits + amount
        if balance < 0:
            raise Refused("PT402")
        self.entries.append(
            Entry(user=user, type=kind, amount=amount, balance_after=balance, job=job, payment=payment)
        )
        self.accounts[user] = replace(
            account,
            credits=balance,
            purchased=account.purchased + (amount if kind == "PURCHASE" else 0),
            used=account.used - (amount if kind in ("USAGE", "REFUND") else 0),
        )
