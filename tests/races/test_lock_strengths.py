"""Each lock is as strong as it must be, and no stronger: beside foreign keys, and in every state."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgassay.database import Database
from pgassay.observation import Persona
from tests.shared.accounts import ALICE, ALICE_JOBS, STATES
from tests.shared.parallel import Scene, open_scene
from tests.shared.payments import ALICE_PAYMENTS

LIVE = tuple(status for status in STATES if status not in ("COMPLETED", "FAILED", "CANCELLED"))
CLAIM = "select id::text from public.claim_next_jobs('w', 10, '1 hour')"
RECLAIM = "select id::text from public.reclaim_expired_jobs()"
GRANT = "select public.grant_credits(%s, 5, 'BONUS', 'x')"
SET_STATUS = "update public.jobs set status = %s where id = %s"
LOG_JOB = (
    "insert into public.webhook_logs (provider, event_id, event_type, job_id) values ('x', 'x', 'x', %s)"
)
LOG_PAYMENT = (
    "insert into public.webhook_logs (provider, event_id, event_type, payment_id) values ('x', 'x', 'x', %s)"
)
LOG_USER = "insert into public.api_usage_logs (api_provider, user_id) values ('x', %s)"
SHARE_USER = "select from public.users where id = %s for share"
TOUCH_USER = "update public.users set last_login_at = now() where id = %s"
CLOSE = "select public.close_my_account()"


@pytest.fixture
def scene(clone: Database) -> Iterator[Scene]:
    with open_scene(clone) as scene:
        yield scene


def place(scene: Scene, status: str, assignment: str) -> str:
    """Alice's job in this state, changed past the triggers; its id."""
    job = ALICE_JOBS[status]
    with scene.database.connect() as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(f"update public.jobs set {assignment} where id = '{job}'".encode())
    return job


@pytest.mark.parametrize("assignment", ["next_attempt_at = null", "next_attempt_at = now() - interval '1 s'"])
def test_job_that_a_webhook_refers_to_is_claimed(scene: Scene, service: Persona, assignment: str) -> None:
    """The webhook's foreign key shares a lock on the job until it commits."""
    job = place(scene, "QUEUED", assignment)
    webhook, worker = scene.join(service), scene.join(service)
    assert webhook.attempt(LOG_JOB, [job]).rowcount == 1
    assert job in {row["id"] for row in worker.attempt(CLAIM).rows}


@pytest.mark.parametrize("retries", [0, 3])
@pytest.mark.parametrize("log", [LOG_JOB, LOG_USER], ids=["job", "user"])
def test_job_that_a_webhook_refers_to_is_reclaimed(
    scene: Scene, service: Persona, retries: int, log: str
) -> None:
    job = place(scene, "RENDERING", f"lease_expires_at = now() - interval '1 s', max_retries = {retries}")
    webhook, sweeper = scene.join(service), scene.join(service)
    assert webhook.attempt(log, [job if log == LOG_JOB else ALICE]).rowcount == 1
    assert [row["id"] for row in sweeper.attempt(RECLAIM).rows] == [job]


def test_due_retry_that_a_webhook_refers_to_goes_back_among_the_others(
    scene: Scene, service: Persona
) -> None:
    job = place(scene, "QUEUED", "next_attempt_at = now() - interval '1 s'")
    webhook, sweeper = scene.join(service), scene.join(service)
    assert webhook.attempt(LOG_JOB, [job]).rowcount == 1
    assert sweeper.attempt(RECLAIM).sqlstate == ""
    sweeper.commit()
    assert scene.value("select next_attempt_at is null from public.jobs where id = %s", [job])


SHARED = {
    "a job": (CLAIM, "jobs", "QUEUED", "next_attempt_at = null"),
    "a retry that is due": (CLAIM, "jobs", "QUEUED", "next_attempt_at = now() - interval '1 s'"),
    "a job at work": (RECLAIM, "jobs", "RENDERING", "lease_expires_at = now() - interval '1 s'"),
    "a job without retries": (
        RECLAIM, "jobs", "RENDERING", "lease_expires_at = now() - interval '1 s', max_retries = 0"
    ),
    "its user": (
        RECLAIM, "users", "RENDERING", "lease_expires_at = now() - interval '1 s', max_retries = 0"
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", SHARED)
def test_job_is_left_alone_while_somebody_shares_a_lock(scene: Scene, service: Persona, what: str) -> None:
    """To write it, the queue would have to wait for him."""
    call, table, status, assignment = SHARED[what]
    job = place(scene, status, assignment)
    row = job if table == "jobs" else ALICE
    holder, queue = scene.join(service), scene.join(service)
    assert holder.attempt(f"select from public.{table} where id = %s for share", [row]).rowcount == 1
    tried = queue.attempt(call)
    assert (tried.sqlstate, job in {found["id"] for found in tried.rows}) == ("", False)
    holder.commit()
    assert job in {found["id"] for found in queue.attempt(call).rows}


def test_due_retry_stays_where_it_is_while_somebody_shares_a_lock(scene: Scene, service: Persona) -> None:
    job = place(scene, "QUEUED", "next_attempt_at = now() - interval '1 s'")
    holder, sweeper = scene.join(service), scene.join(service)
    assert holder.attempt("select from public.jobs where id = %s for share", [job]).rowcount == 1
    assert sweeper.attempt(RECLAIM).sqlstate == ""


END_TIER = """
    update public.users set subscription_tier = 'pro', subscription_expires_at = now() - interval '1 s'
    where id = %s
"""
EXPIRE = "select id::text from public.expire_subscriptions()"


@pytest.mark.parametrize(("share", "taken"), [(LOG_USER, [ALICE]), (SHARE_USER, [])], ids=["key", "share"])
def test_tier_is_taken_beside_a_foreign_key_and_not_beside_a_share(
    scene: Scene, service: Persona, share: str, taken: list[str]
) -> None:
    before = scene.join(service)
    assert before.attempt(END_TIER, [ALICE]).rowcount == 1
    before.commit()
    holder, upkeep = scene.join(service), scene.join(service)
    assert holder.attempt(share, [ALICE]).rowcount == 1
    tried = upkeep.attempt(EXPIRE)
    assert (tried.sqlstate, [row["id"] for row in tried.rows]) == ("", taken)


OLD_LOGS = {
    "webhook_logs": "insert into public.webhook_logs"
    " (provider, event_id, event_type, processed, created_at)"
    " values ('x', 'old', 'x', true, now() - interval '1 year') returning id",
    "api_usage_logs": "insert into public.api_usage_logs (api_provider, created_at)"
    " values ('x', now() - interval '1 year') returning id",
}


@pytest.mark.parametrize("table", OLD_LOGS)
def test_log_to_which_somebody_holds_a_key_is_not_purged(scene: Scene, service: Persona, table: str) -> None:
    before = scene.join(service)
    assert len(before.attempt(OLD_LOGS[table]).rows) == 1
    before.commit()
    holder, upkeep = scene.join(service), scene.join(service)
    held = holder.attempt(
        f"select from public.{table} where created_at < now() - interval '30 d' for key share"
    )
    assert held.rowcount == 1
    assert upkeep.attempt("select public.purge_logs('30 days') as n").rows == [{"n": 0}]
    holder.commit()
    assert upkeep.attempt("select public.purge_logs('30 days') as n").rows == [{"n": 1}]


def test_webhook_of_a_payment_comes_beside_another_that_is_being_put_to_it(
    scene: Scene, service: Persona
) -> None:
    payment = ALICE_PAYMENTS["PENDING"]
    other, webhook = scene.join(service), scene.join(service)
    put = "update public.webhook_logs set payment_id = %s where event_id = 'evt_1'"
    assert other.attempt(put, [payment]).rowcount == 1
    assert webhook.attempt(LOG_PAYMENT, [payment]).rowcount == 1


def test_payment_that_a_webhook_refers_to_is_refunded_in_part(scene: Scene, service: Persona) -> None:
    payment = ALICE_PAYMENTS["COMPLETED"]
    webhook, support = scene.join(service), scene.join(service)
    assert webhook.attempt(LOG_PAYMENT, [payment]).rowcount == 1
    assert support.attempt("select public.refund_partially(%s, 1, 'x', 'x')", [payment]).rowcount == 1


MOVES = {
    "grant": (GRANT, [ALICE]),
    "charge": (SET_STATUS, ["QUEUED", ALICE_JOBS["PENDING"]]),
    "refund": (SET_STATUS, ["CANCELLED", ALICE_JOBS["QUEUED"]]),
    "start": ("insert into public.jobs (user_id) values (%s)", [ALICE]),
    "claw back": (
        "update public.payments set status = 'REFUNDED' where id = %s",
        [ALICE_PAYMENTS["COMPLETED"]],
    ),
    "settle": ("select public.settle_debt(%s, 1, 'x')", [ALICE]),
}


@pytest.mark.parametrize("name", MOVES)
def test_money_moves_beside_whoever_refers_to_the_user(scene: Scene, service: Persona, name: str) -> None:
    """A foreign key shares a lock on the user: what moves money neither waits for it nor stops it."""
    statement, parameters = MOVES[name]
    other, mover = scene.join(service), scene.join(service)
    assert other.attempt(LOG_USER, [ALICE]).rowcount == 1
    moved = mover.attempt(statement, parameters)
    assert moved.sqlstate == ("PT409" if name == "settle" else "")  # she owes nothing
    assert other.attempt(
        "update public.jobs set job_name = 'x' where id = %s", [ALICE_JOBS["RENDERING"]]
    ).rowcount


@pytest.mark.parametrize(
    ("first", "second", "sqlstate"),
    [
        (("grant", GRANT, [ALICE]), MOVES["refund"], ""),
        (("grant", GRANT, [ALICE]), MOVES["charge"], ""),
        (
            ("take", "select public.grant_credits(%s, -15, 'ADJUSTMENT', 'x')", [ALICE]),
            MOVES["charge"],
            "PT402",
        ),
        (
            ("take", "select public.grant_credits(%s, -15, 'ADJUSTMENT', 'x')", [ALICE]),
            MOVES["claw back"],
            "",
        ),
        (
            ("close", "update public.users set is_active = false where id = %s", [ALICE]),
            MOVES["charge"],
            "PT403",
        ),
    ],
    ids=[
        "refund after grant",
        "charge after grant",
        "charge after the last",
        "claw-back after the last",
        "suspended",
    ],
)
def test_balance_is_read_under_its_lock(
    scene: Scene,
    service: Persona,
    first: tuple[str, str, list[str]],
    second: tuple[str, list[str]],
    sqlstate: str,
) -> None:
    earlier, later = scene.join(service), scene.join(service)
    with scene.database.connect() as connection:
        rest = "select 15 - credits from public.users where id = %s"
        row = connection.execute(rest, [ALICE]).fetchone()
        if row and row[0]:
            connection.execute("select public.grant_credits(%s, %s, 'ADJUSTMENT', 'to 15')", [ALICE, row[0]])
    assert earlier.attempt(*first[1:]).rowcount == 1
    late = later.start(*second)
    assert scene.blockers(later) == {earlier.pid}
    earlier.commit()
    assert late.result().sqlstate == sqlstate
    later.commit()


SHARE_PAYMENT = "select from public.payments where id = %s for share"
PART = "select public.refund_partially(%s, 1, 'x', %s)"
TOGETHER = {
    "charges": (
        (SHARE_USER, ALICE),
        (SET_STATUS, ["QUEUED", ALICE_JOBS["PENDING"]]),
        (SET_STATUS, ["QUEUED", ALICE_JOBS["UPLOADING"]]),
    ),
    "refunds": (
        (SHARE_USER, ALICE),
        (SET_STATUS, ["CANCELLED", ALICE_JOBS["QUEUED"]]),
        (SET_STATUS, ["FAILED", ALICE_JOBS["RENDERING"]]),
    ),
    "grants": ((SHARE_USER, ALICE), (GRANT, [ALICE]), (GRANT, [ALICE])),
    "partial refunds": (
        (SHARE_PAYMENT, ALICE_PAYMENTS["COMPLETED"]),
        (PART, [ALICE_PAYMENTS["COMPLETED"], "x"]),
        (PART, [ALICE_PAYMENTS["COMPLETED"], "y"]),
    ),
    "won disputes": (
        (SHARE_PAYMENT, ALICE_PAYMENTS["REFUNDED"]),
        *[("select public.reinstate_payment(%s)", [ALICE_PAYMENTS["REFUNDED"]])] * 2,
    ),
}


@pytest.mark.parametrize("name", TOGETHER)
def test_two_that_waited_together_do_not_wait_for_each_other(
    scene: Scene, service: Persona, name: str
) -> None:
    """Had both only shared the row before they wrote it, one would be refused as a deadlock."""
    (share, row), *moves = TOGETHER[name]
    holder, first, second = (scene.join(service) for _ in range(3))
    assert holder.attempt(share, [row]).rowcount == 1
    early = first.start(*moves[0])
    assert scene.blockers(first) == {holder.pid}
    late = second.start(*moves[1])
    assert scene.blockers(second) <= {holder.pid, first.pid}
    holder.commit()
    assert early.result().sqlstate == ""
    first.commit()
    assert late.result().sqlstate == ""
    second.commit()


@pytest.mark.parametrize("status", LIVE)
def test_closing_by_the_backend_never_waits_for_a_job(scene: Scene, service: Persona, status: str) -> None:
    """It holds the user, for whom whoever holds the job may wait."""
    holder, closer = scene.join(service), scene.join(service)
    assert (
        holder.attempt("select from public.jobs where id = %s for update", [ALICE_JOBS[status]]).rowcount == 1
    )
    closing = "update public.users set deleted_at = now() where id = %s"
    assert closer.attempt(closing, [ALICE]).sqlstate == "55P03"


HELD = {
    **{f"a job {status}": ("jobs", ALICE_JOBS[status]) for status in STATES},
    **{f"a payment {status}": ("payments", payment) for status, payment in ALICE_PAYMENTS.items()},
}


@pytest.mark.parametrize("what", HELD)
def test_closing_ones_own_account_waits_for_a_row_of_any_state_holding_nothing(
    scene: Scene, service: Persona, alice: Persona, what: str
) -> None:
    table, row = HELD[what]
    holder, closer = scene.join(service), scene.join(alice)
    assert holder.attempt(f"select from public.{table} where id = %s for no key update", [row]).rowcount == 1
    closing = closer.start(CLOSE)
    assert scene.blockers(closer) == {holder.pid}
    # Were the user's row held already, this would wait for the closer: a deadlock.
    assert holder.attempt(TOUCH_USER, [ALICE]).rowcount == 1
    holder.commit()
    assert closing.result().sqlstate == ""
    closer.commit()


def test_closing_ones_own_account_waits_for_one_after_another(
    scene: Scene, service: Persona, alice: Persona
) -> None:
    """The second takes a payment while the account waits for a job: it must look again."""
    first, second, closer = scene.join(service), scene.join(service), scene.join(alice)
    hold = "select from public.{} where id = %s for no key update"
    assert first.attempt(hold.format("jobs"), [ALICE_JOBS["QUEUED"]]).rowcount == 1
    closing = closer.start(CLOSE)
    assert scene.blockers(closer) == {first.pid}
    assert second.attempt(hold.format("payments"), [ALICE_PAYMENTS["COMPLETED"]]).rowcount == 1
    first.commit()
    assert scene.blockers(closer) == {second.pid}
    second.commit()
    assert closing.result().sqlstate == ""
    closer.commit()
