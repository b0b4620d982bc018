"""The queue beside another one, and beside itself when it is longer: what must not grow, or only linearly."""

from __future__ import annotations

import importlib.resources
import importlib.util
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from uuid import UUID

import measure
import psycopg
from measure import Row
from writes import CLAIM, SCRIPTS, Step, prepared, run

from pgassay.database import Database
from pgassay.workbench import Workbench

# Short turns, and many: who else uses the machine then weighs on all alike.
ROUNDS, TRANSACTIONS = 9, 150
TEN = Step(script="claim_ten", role="service_role")
FEW, MANY = 5_000, 205_000
VIEW = "select * from public.job_queue_status"
SMALL_ACCOUNT, LARGE_ACCOUNT = 500, 4_000
OWNER = UUID("c105ed00-0000-4000-8000-000000000001")
SIGN_UP = "insert into auth.users (id, email) values (%(owner)s, 'owner@example.com')"
ASLEEP = "alter table public.jobs disable trigger user"
AWAKE = "alter table public.jobs enable trigger user"
# So many jobs, in all states in turn or all done.
JOBS = """
    insert into public.jobs (
        user_id, status, progress_percentage, queued_at, started_at, completed_at, lease_expires_at
    )
    select
        %(owner)s,
        s.status,
        case s.status when 'COMPLETED' then 100 else 0 end,
        now(),
        case when s.status >= 'TRANSCRIBING' then now() end,
        case when s.status >= 'COMPLETED' then now() end,
        case when s.status between 'TRANSCRIBING' and 'RENDERING' then now() + interval '1 day' end
    from generate_series(1, %(jobs)s) as n
    cross join lateral (
        select
            case
                when %(spread)s then (enum_range(null::public.job_status))[1 + n %% 9] else 'COMPLETED'
            end as status
    ) as s
"""
# Jobs in the queue, each paid with a credit.
QUEUED = (
    "select public.grant_credits(%(owner)s, %(jobs)s, 'BONUS', 'Welcome')",
    ASLEEP,
    "insert into public.jobs (user_id, status, input_video_path, queued_at)"
    " select %(owner)s, 'QUEUED', %(owner)s::text || '/video.mp4', now() from generate_series(1, %(jobs)s)",
    AWAKE,
    "insert into public.credit_transactions (user_id, type, amount, balance_after, job_id)"
    " select j.user_id, 'USAGE', -1, %(jobs)s - row_number() over (order by j.id), j.id"
    " from public.jobs as j where j.user_id = %(owner)s order by j.id",
)


def against_procrastinate(bench: Workbench) -> Iterator[Row]:
    """Claims from 20,000 jobs, one and ten at a time, beside procrastinate's fetch on the same server."""
    if not importlib.util.find_spec("procrastinate"):
        print("not compared: procrastinate is not installed (pip install -e .[bench])", file=sys.stderr)
        return
    with prepared(bench) as database, _procrastinating(bench) as other:
        fetch = Step(script="fetch", role=other.owner)
        one, ten, theirs = _rates((database, CLAIM, 1), (database, TEN, 10), (other, fetch, 1))
    yield Row(name="claim, against the fetch of procrastinate", ours=one, theirs=theirs, unit="1/s")
    yield Row(name="jobs claimed ten at a time, against the same", ours=ten, theirs=theirs, unit="1/s")


def _rates(*turns: tuple[Database, Step, int]) -> list[float]:
    """Median jobs a second of each step, which takes so many jobs at a time."""
    rounds = [
        [count * run(database, step, transactions=TRANSACTIONS) for database, step, count in turns]
        for _ in range(ROUNDS)
    ]
    return [statistics.median(rates) for rates in zip(*rounds, strict=True)]


def waiting_jobs(bench: Workbench) -> Iterator[Row]:
    """Claims while 20,000 other jobs wait for their next attempt, beside claims while none does."""
    back_off = (SCRIPTS / "back_off.sql").read_text(encoding="utf-8")
    with prepared(bench) as database, prepared(bench, back_off) as waiting:
        ours, theirs = _rates((waiting, CLAIM, 1), (database, CLAIM, 1))
    yield Row(name="claim beside 20,000 in back-off, against none", ours=ours, theirs=theirs, unit="1/s")


def queue_view(bench: Workbench) -> Iterator[Row]:
    """The view of the queue over many jobs, beside few."""
    for kind, spread in (("in all states", True), ("all completed", False)):
        with ExitStack() as stack:
            views = [
                stack.enter_context(_answering(bench, VIEW, ASLEEP, JOBS, AWAKE, jobs=jobs, spread=spread))
                for jobs in (MANY, FEW)
            ]
            ours, theirs = measure.alternate(21, *views)
        yield Row(
            name=f"queue view of 205,000 jobs {kind}, against 5,000", ours=ours, theirs=theirs, unit="s"
        )


def closing_accounts(bench: Workbench) -> Iterator[Row]:
    """Closing an account of many live jobs, beside few: time for each job, the same if it is linear."""
    close = f"select private.close_account('{OWNER}')"
    sizes = (LARGE_ACCOUNT, SMALL_ACCOUNT)
    with ExitStack() as stack:
        closings = [stack.enter_context(_answering(bench, close, *QUEUED, jobs=jobs)) for jobs in sizes]
        took = measure.alternate(5, *closings)
    ours, theirs = (seconds / jobs for seconds, jobs in zip(took, sizes, strict=True))
    yield Row(name="closing, for each of 4,000 jobs, against 500", ours=ours, theirs=theirs, unit="s")


@contextmanager
def _answering(
    bench: Workbench, query: str, *statements: str, **values: object
) -> Iterator[Callable[[], None]]:
    """What runs a query, and undoes it, in a database that `statements` filled."""
    with bench.database(depth="schema") as database, closing(database.connect()) as connection:
        _fill(connection, (SIGN_UP, *statements), values | {"owner": OWNER})

        def answer() -> None:
            connection.execute(query.encode())
            connection.rollback()

        yield answer


def _fill(connection: psycopg.Connection, statements: tuple[str, ...], values: dict[str, object]) -> None:
    for statement in statements:
        connection.execute(statement.encode(), values if "%(" in statement else None)
    connection.commit()
    connection.autocommit = True
    connection.execute("vacuum (analyze)")
    connection.autocommit = False


@contextmanager
def _procrastinating(bench: Workbench) -> Iterator[Database]:
    """The schema of procrastinate with 20,000 jobs in it."""
    schema = importlib.resources.files("procrastinate") / "sql" / "schema.sql"
    with bench.database(depth="environment") as database:
        with closing(database.connect(autocommit=True)) as connection:
            connection.execute(schema.read_bytes())
            connection.execute(
                "insert into procrastinate_jobs (queue_name, task_name, priority)"
                " select 'default', 'cut', n % 5 from generate_series(1, 20000) as n"
            )
            connection.execute("vacuum (analyze) procrastinate_jobs")
        yield database


MEASURES: tuple[Callable[[Workbench], Iterator[Row]], ...] = (
    against_procrastinate,
    waiting_jobs,
    queue_view,
    closing_accounts,
)
