"""A busy year of a shop, for the planner to choose in, the same in every run.

At scale 1: 10,000 users, 1 M jobs, 3 M ledger entries, 400,000 payments, 1 M API calls, 200,000 webhooks.
A few users own most rows, the first of them is Alice; most jobs are done, most webhooks processed. Every
balance is what its ledger says.
"""

from __future__ import annotations

import random
from array import array
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from uuid import UUID

from pgassay.plans import Rows

INVARIANTS = (
    """
    select u.id, u.credits, u.total_credits_purchased, u.total_credits_used, latest, l.*
    from public.users as u
    left join (
        select
            t.user_id,
            sum(t.amount) as credits,
            coalesce(sum(t.amount) filter (where t.type = 'PURCHASE'), 0) as purchased,
            coalesce(-sum(t.amount) filter (where t.type in ('USAGE', 'REFUND')), 0) as used
        from public.credit_transactions as t
        group by t.user_id
    ) as l on u.id = l.user_id
    left join lateral (
        select t.balance_after as latest from public.credit_transactions as t
        where t.user_id = u.id order by t.id desc limit 1
    ) as last on true
    where
        (u.credits, u.credits, u.total_credits_purchased, u.total_credits_used)
        <> (coalesce(l.credits, 0), coalesce(latest, 0), coalesce(l.purchased, 0), coalesce(l.used, 0))
    """,
)

ALICE = "a11ce000-0000-4000-8000-000000000001"
NEWCOMER = "0e0c0e00-0000-4000-8000-000000000009"  # without a row in any other table

YEAR = 365 * 86400
DAYS = [str(date(2025, 1, 1) + timedelta(days=day)) for day in range(367)]
CLOCK = [f" {s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}+00" for s in range(86400)]
LONG_AGO, FAR_AWAY = "2025-03-01 00:00+00", "2100-01-01 00:00+00"

STATUSES = (
    *(
        ("QUEUED", 20),
        ("TRANSCRIBING", 7),
        ("ANALYZING", 7),
        ("RENDERING", 7),
        ("PENDING", 9),
        ("UPLOADING", 5),
    ),
    *(("FAILED", 40), ("CANCELLED", 40), ("COMPLETED", 865)),
)
UNPAID, AT_WORK, ENDED = (
    {"PENDING", "UPLOADING"},
    {"TRANSCRIBING", "ANALYZING", "RENDERING"},
    {"FAILED", "CANCELLED"},
)
PAYMENTS = ("FAILED", "FAILED", "CANCELLED", "REFUNDED", "PENDING", *["COMPLETED"] * 20)
PACKAGES = ((3, 99), (10, 299), (25, 699), (50, 1299), (100, 2399))  # credits, baht
NULL = r"\N"


def generate(scale: float) -> Iterator[Rows]:
    """All rows, table by table."""
    shop = Shop(jobs=round(1_000_000 * scale), users=round(10_000 * scale))
    yield Rows(
        table="public.credit_packages", columns=("id", "name", "credits", "price_thb"), lines=packages()
    )
    yield Rows(
        table="public.jobs",
        columns=(
            *(
                "id",
                "user_id",
                "client_request_id",
                "status",
                "priority",
                "progress_percentage",
                "created_at",
            ),
            *("queued_at", "started_at", "completed_at", "lease_expires_at", "replicate_prediction_id"),
            *(
                "input_video_path",
                "output_video_path",
                "attempt_token",
                "retry_count",
                "next_attempt_at",
                "turn_at",
            ),
        ),
        lines=shop.jobs_done(),
    )
    yield Rows(
        table="public.payments",
        columns=(
            *("id", "user_id", "package_id", "provider", "provider_transaction_id", "amount_thb"),
            *("credits_purchased", "status", "created_at", "paid_at", "refunded_at"),
        ),
        lines=shop.payments_made(),
    )
    yield Rows(
        table="public.credit_transactions",
        columns=(
            *("user_id", "type", "amount", "balance_after", "job_id", "payment_id", "idempotency_key"),
            "created_at",
        ),
        lines=shop.ledger(),
    )
    yield Rows(
        table="private.debts",
        columns=("user_id", "payment_id", "kind", "credits", "after_entry", "shortfall_id", "description"),
        lines=shop.debts(),
    )
    yield Rows(
        table="public.users",
        columns=(
            "id",
            "email",
            "full_name",
            "avatar_url",
            "credits",
            "total_credits_purchased",
            "total_credits_used",
            "subscription_tier",
            "subscription_expires_at",
        ),
        lines=shop.accounts(),
    )
    yield Rows(
        table="public.user_preferences", columns=("user_id", "preferences_json"), lines=shop.preferences()
    )
    yield Rows(
        table="public.webhook_logs",
        columns=(
            *("provider", "event_id", "event_type", "processed", "processed_at", "job_id", "payment_id"),
            "created_at",
        ),
        lines=shop.webhooks(),
    )
    yield Rows(
        table="public.api_usage_logs",
        columns=("job_id", "user_id", "api_provider", "tokens_used", "cost_usd", "created_at"),
        lines=shop.api_calls(),
    )


class Shop:
    """Who owns which job and payment, and in which state they are; the lines follow from that."""

    def __init__(self, *, jobs: int, users: int) -> None:
        chance = random.Random(jobs)
        names, weights = zip(*STATUSES, strict=True)
        self.jobs = jobs
        self.payments = jobs * 2 // 5
        self.user_ids = [ALICE, *(str(UUID(identifier("user", n))) for n in range(1, users)), NEWCOMER]
        self.status = chance.choices(names, weights, k=jobs)
        # The cube makes a few users own most rows.
        self.owner = array("i", (int(users * chance.random() ** 3) for _ in range(jobs)))
        # In every size there is one of Alice's, and one that nothing was posted for.
        self.owner[1], self.status[1], self.status[2] = 0, "COMPLETED", "PENDING"
        self._pay_old_debts()
        self.payer = array("i", (int(users * chance.random() ** 3) for _ in range(self.payments)))
        self.credits, self.purchased, self.used = ([0] * len(self.user_ids) for _ in range(3))

    def _pay_old_debts(self) -> None:
        """Nobody has more unpaid jobs than the schema lets one have."""
        unpaid: Counter[int] = Counter()
        for n, (owner, status) in enumerate(zip(self.owner, self.status, strict=True)):
            if status in UNPAID:
                unpaid[owner] += 1
                if unpaid[owner] > 90:
                    self.status[n] = "COMPLETED"

    def created(self, number: int) -> str:
        """When job `number` was made: evenly over the year."""
        return moment(number * YEAR // self.jobs)

    def jobs_done(self) -> Iterator[str]:
        for n, (owner, status) in enumerate(zip(self.owner, self.status, strict=True)):
            start = n * YEAR // self.jobs
            created = moment(start)
            queued = NULL if status in UNPAID else created
            began = NULL if status in UNPAID or status in ("QUEUED", "CANCELLED") else moment(start + 40)
            ended = moment(start + 540) if status in ENDED or status == "COMPLETED" else NULL
            lease = (FAR_AWAY if n % 10 else LONG_AGO) if status in AT_WORK else NULL
            progress = 100 if status == "COMPLETED" else 0
            prediction = NULL if began is NULL else f"prediction-{n}"
            user = self.user_ids[owner]
            token = identifier("attempt", n) if status in AT_WORK else NULL
            retries, again, turn = waiting(n, start) if status == "QUEUED" else (0, NULL, NULL)
            yield (
                f"{identifier('job', n)}\t{user}\trequest-{n}\t{status}\t{n % 5}\t"
                f"{progress}\t{created}\t{queued}\t{began}\t{ended}\t{lease}\t{prediction}\t"
                f"{user}/{n}.mp4\t{user + f'/{n}-cut.mp4' if status == 'COMPLETED' else NULL}\t"
                f"{token}\t{retries}\t{again}\t{turn}\n"
            )

    def payments_made(self) -> Iterator[str]:
        for n, payer in enumerate(self.payer):
            status, package = PAYMENTS[n % 25], n % 5
            credits, price = PACKAGES[package]
            created = self.created(n * 5 // 2)
            paid = created if status in ("COMPLETED", "REFUNDED") else NULL
            refunded = created if status == "REFUNDED" else NULL
            yield (
                f"{identifier('payment', n)}\t{self.user_ids[payer]}\t{identifier('package', package)}\t"
                f"STRIPE\tpi_{n}\t{price}\t{credits}\t{status}\t{created}\t{paid}\t{refunded}\n"
            )

    def ledger(self) -> Iterator[str]:
        """Three entries a job: bonuses fill up what usage, refunds and purchases leave."""
        entries = 0
        for n, (owner, status) in enumerate(zip(self.owner, self.status, strict=True)):
            created, job = self.created(n), identifier("job", n)
            lines = [self._post(owner, "BONUS", 1, NULL, NULL, f"bonus-{n}", created)]
            if status not in UNPAID:
                lines.append(self._post(owner, "USAGE", -1, job, NULL, NULL, created))
            if status in ENDED:
                lines.append(self._post(owner, "REFUND", 1, job, NULL, NULL, created))
            if n * 2 % 5 < 2:
                lines += self._pay(n * 2 // 5, created)
            entries += len(lines)
            yield "".join(lines)
        for n in range(self.jobs, 4 * self.jobs - entries):
            owner = self.owner[n % self.jobs]
            yield self._post(owner, "BONUS", 1, NULL, NULL, f"bonus-{n}", moment(YEAR))

    def _pay(self, number: int, created: str) -> Iterator[str]:
        status, credits = PAYMENTS[number % 25], PACKAGES[number % 5][0]
        payer, payment = self.payer[number], identifier("payment", number)
        if status in ("COMPLETED", "REFUNDED"):
            yield self._post(payer, "PURCHASE", credits, NULL, payment, NULL, created)
        if status == "REFUNDED":
            yield self._post(payer, "ADJUSTMENT", -credits, NULL, payment, NULL, created)

    def _post(self, user: int, kind: str, amount: int, job: str, payment: str, key: str, created: str) -> str:
        self.credits[user] += amount
        if kind == "PURCHASE":
            self.purchased[user] += amount
        elif kind in ("USAGE", "REFUND"):
            self.used[user] -= amount
        balance = self.credits[user]
        return f"{self.user_ids[user]}\t{kind}\t{amount}\t{balance}\t{job}\t{payment}\t{key}\t{created}\n"

    def debts(self) -> Iterator[str]:
        """What each refund could not take, and its settling in ten parts. A line's id is its number."""
        line = 0
        for n, payer in enumerate(self.payer):
            if PAYMENTS[n % 25] != "REFUNDED":
                continue
            key = f"{self.user_ids[payer]}\t{identifier('payment', n)}"
            part = f"{key}\tsettled\t1\t{NULL}\t{line + 1}\tInstalment\n"
            yield f"{key}\tshortfall\t10\t0\t{NULL}\t{NULL}\n" + 10 * part
            line += 11

    def accounts(self) -> Iterator[str]:
        """After the ledger, whose sums they hold."""
        sums = zip(self.user_ids, self.credits, self.purchased, self.used, strict=True)
        for n, (user, credits, purchased, used) in enumerate(sums):
            face = f"https://example.com/avatars/{user}.png?signature={n:0700}"
            # One in ten pays for a tier, most of them until next year.
            tier, until = ("free", NULL) if n % 10 else ("pro", LONG_AGO if n % 200 == 10 else FAR_AWAY)
            yield (
                f"{user}\tuser{n}@example.com\tUser {n}\t{face}\t{credits}\t{purchased}\t{used}\t"
                f"{tier}\t{until}\n"
            )

    def preferences(self) -> Iterator[str]:
        for n, user in enumerate(self.user_ids):
            yield f'{user}\t{{"brand kit": "{n:0700}"}}\n'

    def webhooks(self) -> Iterator[str]:
        for n in range(self.jobs // 5):
            created = self.created(n * 5)
            done, when = ("f", NULL) if n % 100 == 0 else ("t", created)
            job, payment = (identifier("job", n * 5), NULL) if n % 2 else (NULL, identifier("payment", n * 2))
            yield f"stripe\tevt_{n}\tpayment_intent.succeeded\t{done}\t{when}\t{job}\t{payment}\t{created}\n"

    def api_calls(self) -> Iterator[str]:
        for n, owner in enumerate(self.owner):
            provider = ("openai", "replicate", "assemblyai")[n % 3]
            created = self.created(n)
            yield f"{identifier('job', n)}\t{self.user_ids[owner]}\t{provider}\t1000\t0.018\t{created}\n"


def waiting(number: int, start: int) -> tuple[int, str, str]:
    """Of a queued job: its retries, when the next attempt may begin, and its turn."""
    if number % 3 == 0:  # in back-off, a tenth of them due
        return 1, FAR_AWAY if number % 10 else LONG_AGO, NULL
    return 0, NULL, NULL if number % 7 else moment(start + 600)


def packages() -> Iterator[str]:
    """Those on sale, and one that nobody bought."""
    for n, (credits, price) in enumerate((*PACKAGES, (200, 4499))):
        yield f"{identifier('package', n)}\tPack {n}\t{credits}\t{price}\n"


def identifier(kind: str, number: int) -> str:
    """A uuid that looks drawn by lot: a product with an odd constant is one-to-one modulo 2^120."""
    spread = (number * 0x9E3779B97F4A7C15F39CC0605CEDC9 + 1) & ((1 << 120) - 1)
    return f"{ord(kind[-1]):02x}{spread:030x}"


def moment(second: int) -> str:
    """A second of the year 2025 as a timestamptz."""
    return DAYS[second // 86400] + CLOCK[second % 86400]
