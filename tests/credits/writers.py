"""Writers that move credits over connections of their own until the server is taken from them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from queue import SimpleQueue
from random import Random
from threading import Event

import psycopg

from pgassay.database import Client, Database
from tests.credits.invariants import STEPS
from tests.credits.snapshot import Snapshot
from tests.shared.accounts import SERVICE

DEADLINE = 60.0
"""Seconds that a few commits may take on a busy machine."""

_QUEUE = """
    insert into public.jobs (id, user_id, status, credits_cost, input_video_path)
    select new.id, %(user)s::uuid, 'QUEUED', %(cost)s, %(user)s::uuid || '/in.mp4'
    from unnest(%(ids)s::uuid[]) as new (id)
"""
_BUY = """
    insert into public.payments (id, user_id, package_id, provider, provider_transaction_id, status)
    select new.id, %(user)s, c.id, 'MANUAL', new.id, 'COMPLETED'
    from public.credit_packages as c, unnest(%(ids)s::uuid[]) as new (id) where c.name = 'Starter Pack'
"""
_MOVE = """
    update public.jobs
    set
        status = %(status)s::public.job_status,
        output_video_path
        = case when %(status)s::public.job_status = 'COMPLETED' then user_id || '/out.mp4' end
    where id = any(%(ids)s)
"""
_REFUND = "update public.payments set status = %(status)s where id = any(%(ids)s)"
_SETTLE = "select public.settle_debt(%(user)s, 1, 'Forgiven', key) from unnest(%(ids)s::text[]) as key"
_REFUND_A_PART = """
    select public.refund_partially(split_part(key, ' ', 1)::uuid, 1, 'Goodwill', key)
    from unnest(%(ids)s::text[]) as key
"""
_REFUSALS = {_QUEUE: ("PT402", "PT429"), _SETTLE: ("PT409",), _REFUND_A_PART: ("PT409",)}
"""Too few credits, too many jobs; nothing is owed; only the last credit is left."""

PART, SETTLED = "a partial refund", "a settlement"

Statuses = dict[str, str]


@dataclass(kw_only=True)
class Log:
    """One writer's rows: as acknowledged commits left them, and as the one on its way would.

    Jobs and payments have a status by id; what was settled, and partial refunds, are lines by their key.
    """

    user: str
    random: Random
    acknowledged: Statuses = field(default_factory=dict)
    underway: Statuses = field(default_factory=dict)
    bought: set[str] = field(default_factory=set)

    def settle(self, found: Statuses) -> list[str]:
        """Compare with what a recovered server has of these rows, and go on from that; what is wrong with it.

        The commit on its way is there as a whole, or not at all.
        """
        before, after = self.acknowledged, self.acknowledged | self.underway
        self.acknowledged, self.underway = found, {}
        if found in (before, after):
            return []
        return [f"acknowledged {dict(before.items() - found.items())}, found {found}"]


@dataclass(frozen=True, kw_only=True)
class Load:
    """Writers at work. Their news is None for each acknowledged commit, or why one of them failed."""

    news: SimpleQueue[Exception | None]
    pids: tuple[int, ...]

    def await_commits(self, number: int) -> None:
        """Wait until so many more were acknowledged. Raises what made a writer fail, or queue.Empty."""
        for _ in range(number):
            if error := self.news.get(timeout=DEADLINE):
                raise error


@contextmanager
def load(database: Database, logs: Sequence[Log], *, setting: str = "", payment: str = "") -> Iterator[Load]:
    """A writer for each log, until the end of the block, by when the server must have been killed.

    `setting` runs at the start of each connection; `payment` pays for new jobs, in a transaction of its own.
    """
    stop, news = Event(), SimpleQueue[Exception | None]()

    def write(log: Log, client: Client) -> None:
        try:
            while not stop.is_set():
                _transact(client, log, payment)
                news.put(None)
        except psycopg.OperationalError:
            return
        except Exception as error:
            news.put(error)
            raise

    with ExitStack() as resources:
        clients = [Client(resources.enter_context(closing(_log_in(database, setting)))) for _ in logs]
        threads = resources.enter_context(ThreadPoolExecutor(len(logs)))
        resources.callback(stop.set)
        futures = [threads.submit(write, *pair) for pair in zip(logs, clients, strict=True)]
        yield Load(news=news, pids=tuple(c.connection.info.backend_pid for c in clients))
        for future in futures:
            future.result(DEADLINE)


def find_losses(now: Snapshot, logs: Sequence[Log]) -> list[str]:
    """What of the logs is lost or half done, and what nobody wrote; the logs go on from what was found."""
    found = {id: row.status for rows in (now.jobs, now.payments) for id, row in rows.items()}
    found |= dict.fromkeys(now.parts, PART) | {line.key: SETTLED for line in now.debts if line.key}
    own = [{id: found.pop(id) for id in log.acknowledged | log.underway if id in found} for log in logs]
    wrong = [what for log, rows in zip(logs, own, strict=True) for what in log.settle(rows)]
    return wrong + [f"nobody wrote {id}" for id in found]


def _log_in(database: Database, setting: str) -> psycopg.Connection[object]:
    connection = database.connect(user="authenticator", autocommit=True)
    connection.execute(setting.encode())
    return connection


def _transact(client: Client, log: Log, payment: str) -> None:
    """One to three statements, of which some may be refused: too few credits, nothing owed …"""
    done: Statuses = {}
    with client.request(SERVICE):
        for _ in range(log.random.randint(1, 3)):
            query, rows = _choose(log, done)
            status = next(iter(rows.values()))
            values = {"ids": list(rows), "status": status, "user": log.user, "cost": log.random.randint(1, 3)}
            tried = client.attempt(query, values)
            assert tried.sqlstate in ("", *_REFUSALS.get(query, ())), tried
            if not tried.sqlstate:
                done |= rows
        log.underway = done
    log.acknowledged |= done
    log.underway = {}
    if payment and (queued := [id for id, status in done.items() if status in STEPS]):
        with client.request(SERVICE):
            client.execute(payment, [queued])


def _choose(log: Log, done: Statuses) -> tuple[str, Statuses]:
    """A statement, and the statuses of the rows that it touches.

    What locks payments comes first in a transaction, before what locks the user.
    """
    random, rows = log.random, log.acknowledged | done
    new = [str(uuid.UUID(int=random.getrandbits(128), version=4)) for _ in range(random.randint(1, 2))]
    live = [id for id, status in rows.items() if status in STEPS]
    paid = [id for id in log.bought if rows.get(id) == "COMPLETED"]
    first = ["settle", *(["move"] if live else []), *(["refund", "refund a part"] if paid else [])]
    match random.choice(("queue", "buy", *([] if done else first))):
        case "queue":
            return _QUEUE, dict.fromkeys(new, "QUEUED")
        case "buy":
            log.bought.update(new)
            return _BUY, dict.fromkeys(new, "COMPLETED")
        case "move":
            job = random.choice(live)
            return _MOVE, {job: random.choice((STEPS[rows[job]][0], "FAILED", "CANCELLED"))}
        case "settle":
            return _SETTLE, {new[0]: SETTLED}
        case "refund a part":
            return _REFUND_A_PART, {f"{random.choice(sorted(paid))} {new[0]}": PART}
    return _REFUND, {random.choice(sorted(paid)): "REFUNDED"}
