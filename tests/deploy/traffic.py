"""A database at work: accounts that buy credits and queue jobs, workers that finish or fail them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from uuid import uuid4

from pgassay.database import Client, Database, open_client
from pgassay.observation import Persona

_SECONDS = 60  # a deadline, not a wait
_SERVICE = Persona(name="service", role="service_role")
_BUY = """
    insert into public.payments (user_id, package_id, provider, provider_transaction_id, status)
    select %(user)s, id, 'STRIPE', %(key)s, 'COMPLETED'
    from public.credit_packages where name = 'Starter Pack'
"""
_QUEUE = """
    insert into public.jobs (user_id, status, input_video_path)
    values (%(user)s::uuid, 'QUEUED', %(user)s::uuid || '/in.mp4')
"""
_FAIL = "update public.jobs set status = 'FAILED' where user_id = %(user)s and status = 'TRANSCRIBING'"


class Writers:
    """Threads that commit until they are stopped."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stopped = threading.Event()
        self._rounds: list[str] = []  # appending is atomic

    def work(self) -> None:
        """One account after another: a user may start 200 jobs a day."""
        while not self._stopped.is_set():
            user = str(uuid4())
            with closing(self._database.connect(autocommit=True)) as owner:
                query = "insert into auth.users (id, email) values (%s, %s)"
                owner.execute(query, [user, f"{user}@example.com"])
            with open_client(self._database) as client:
                self._live(client, user)

    def _live(self, client: Client, user: str) -> None:
        """One account's life: it buys, queues, and a worker fails what it claimed, with a refund."""
        for _ in range(100):
            if self._stopped.is_set():
                return
            values = {"user": user, "key": str(uuid4()), "worker": f"worker of {user}"}
            for query in (_BUY, _QUEUE, "select public.claim_next_jobs(%(worker)s, 1, '1 minute')", _FAIL):
                with client.request(_SERVICE):
                    client.execute(query, values)
            self._rounds.append(user)

    def await_commits(self, more: int) -> None:
        """Return when that many rounds more were committed. Raises TimeoutError."""
        wanted, end = len(self._rounds) + more, time.monotonic() + _SECONDS
        while len(self._rounds) < wanted:
            if time.monotonic() > end:
                raise TimeoutError("the writers do not get on")
            self._stopped.wait(0.01)

    def stop(self) -> None:
        self._stopped.set()


@contextmanager
def traffic(database: Database) -> Iterator[Writers]:
    """Three writers at work for as long as the block lasts; what fails for one of them is raised."""
    writers = Writers(database)
    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(writers.work) for _ in range(3)]
        try:
            yield writers
        finally:
            writers.stop()
        for one in running:
            one.result()
