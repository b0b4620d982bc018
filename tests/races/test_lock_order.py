"""Locks are taken in one order: webhook, then payment or job, then user, then ledger; rows by user and id."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgassay.database import Database
from pgassay.observation import Persona
from tests.shared.accounts import ALICE, ALICE_JOBS, BOB
from tests.shared.parallel import Scene, open_scene

AT_WORK = ALICE_JOBS["TRANSCRIBING"]
BOBS_QUEUED, BOBS_PAYMENT = f"{BOB[:-3]}103", f"{BOB[:-3]}202"
PENDING_PAYMENT = f"{ALICE[:-3]}201"
CLOSE = "update public.users set deleted_at = now() where id = %s"
HEARTBEAT = "update public.jobs set lease_expires_at = now() + interval '1 hour' where id = %s"
FAIL = "update public.jobs set status = 'FAILED' where id = %s"
LIVE_JOBS = """
    select count(*) from public.jobs where user_id = %s and status not in ('COMPLETED', 'FAILED', 'CANCELLED')
"""


@pytest.fixture
def scene(clone: Database) -> Iterator[Scene]:
    with open_scene(clone) as scene:
        yield scene


def test_account_is_not_closed_under_a_worker_who_is_not_delayed(scene: Scene, service: Persona) -> None:
    worker, closer = scene.join(service), scene.join(service)
    assert worker.attempt(HEARTBEAT, [AT_WORK]).rowcount == 1
    assert closer.attempt(CLOSE, [ALICE]).sqlstate == "55P03"
    # The worker's refund needs the user's row.
    assert worker.attempt(FAIL, [AT_WORK]).rowcount == 1
    worker.commit()
    assert closer.attempt(CLOSE, [ALICE]).rowcount == 1
    closer.commit()
    assert scene.value(LIVE_JOBS, [ALICE]) == 0


@pytest.mark.parametrize(
    ("held", "expected"),
    [(BOBS_QUEUED, 1), *((ALICE_JOBS[status], "55P03") for status in ("COMPLETED", "FAILED", "CANCELLED"))],
)
def test_account_is_closed_whoever_holds_jobs_of_others_but_not_without_erasing_its_own(
    scene: Scene, service: Persona, held: str, expected: int | str
) -> None:
    worker, closer = scene.join(service), scene.join(service)
    assert worker.attempt("update public.jobs set job_name = 'Held' where id = %s", [held]).rowcount == 1
    closing = closer.attempt(CLOSE, [ALICE])
    assert (closing.sqlstate or closing.rowcount) == expected
    closer.commit()
    assert (scene.value(LIVE_JOBS, [ALICE]) == 0) == (expected == 1)


def test_worker_waits_for_an_account_that_is_being_closed_and_finds_its_job_cancelled(
    scene: Scene, service: Persona
) -> None:
    worker, closer = scene.join(service), scene.join(service)
    assert closer.attempt(CLOSE, [ALICE]).rowcount == 1
    failing = worker.start(FAIL, [AT_WORK])
    assert scene.blockers(worker) == {closer.pid}
    closer.commit()
    assert failing.result().sqlstate == "PT409"
    refunds = "select count(*) from public.credit_transactions where job_id = %s and type = 'REFUND'"
    assert scene.value(refunds, [AT_WORK]) == 1


def test_deletion_of_a_user_waits_for_the_worker_and_then_closes_the_account(
    scene: Scene, service: Persona
) -> None:
    auth_server = Persona(name="auth server", role="supabase_auth_admin")
    worker, auth = scene.join(service), scene.join(auth_server, login=auth_server.role)
    assert worker.attempt(HEARTBEAT, [AT_WORK]).rowcount == 1
    deletion = auth.start("delete from auth.users where id = %s", [ALICE])
    assert scene.blockers(auth) == {worker.pid}
    assert worker.attempt(FAIL, [AT_WORK]).rowcount == 1
    worker.commit()
    assert deletion.result().rowcount == 1
    auth.commit()
    assert scene.value(LIVE_JOBS, [ALICE]) == 0


def test_claw_back_waits_for_a_charge_and_takes_what_it_left(scene: Scene, service: Persona) -> None:
    spender, support = scene.join(service), scene.join(service)
    spend = """
        insert into public.jobs (user_id, status, credits_cost, input_video_path)
        values (%(user)s::uuid, 'QUEUED', 4, %(user)s::uuid || '/in.mp4')
    """
    assert scene.value("select credits from public.users where id = %s", [BOB]) == 5
    assert spender.attempt(spend, {"user": BOB}).rowcount == 1
    refund = support.start("update public.payments set status = 'REFUNDED' where id = %s", [BOBS_PAYMENT])
    assert scene.blockers(support) == {spender.pid}
    spender.commit()
    assert refund.result().rowcount == 1
    support.commit()
    entry = "select amount from public.credit_transactions where payment_id = %s and type = 'ADJUSTMENT'"
    shortfall = "select metadata -> 'shortfall' from public.payments where id = %s"
    assert (scene.value(entry, [BOBS_PAYMENT]), scene.value(shortfall, [BOBS_PAYMENT])) == (-1, 2)


def test_queueing_waits_for_no_payment_that_is_owed(scene: Scene, service: Persona) -> None:
    """Only of what jobs give back something is taken for it."""
    spender, support, queuer = (scene.join(service) for _ in range(3))
    add = """
        insert into public.jobs (user_id, status, credits_cost, input_video_path)
        values (%(user)s::uuid, %(status)s, %(cost)s, %(user)s::uuid || '/in.mp4') returning id
    """
    spender.attempt(add, {"user": BOB, "status": "QUEUED", "cost": 5})
    [job] = spender.attempt(add, {"user": BOB, "status": "PENDING", "cost": 1}).rows
    refund = "update public.payments set status = 'REFUNDED' where id = %s"
    assert spender.attempt(refund, [BOBS_PAYMENT]).rowcount == 1
    assert spender.attempt("select public.grant_credits(%s, 1, 'BONUS', 'x')", [BOB]).rowcount == 1
    assert spender.attempt("select public.credits_owed(%s) as owed", [BOB]).rows == [{"owed": 3}]
    spender.commit()
    hold = "update public.payments set metadata = metadata where id = %s"
    assert support.attempt(hold, [BOBS_PAYMENT]).rowcount == 1
    queue = "update public.jobs set status = 'QUEUED' where id = %s"
    assert queuer.attempt(queue, [job["id"]]).rowcount == 1
    assert queuer.attempt(FAIL, [job["id"]]).sqlstate == "57014"


def test_same_key_at_the_same_time_posts_once(scene: Scene, service: Persona) -> None:
    first, second = scene.join(service), scene.join(service)
    grant = "select public.grant_credits(%s, 1, 'BONUS', 'Once', 'once') as id"
    posted = first.attempt(grant, [BOB]).rows
    again = second.start(grant, [BOB])
    assert scene.blockers(second) == {first.pid}
    first.commit()
    assert (len(posted), again.result().rows) == (1, posted)


LOG = "insert into public.webhook_logs (provider, event_type, event_id, {}) values ('x', 'x', %s, %s)"
LOGGED = "select count(*) from public.webhook_logs where {} = %s"
ENTRIES = "select count(*) from public.credit_transactions where {} = %s"


def test_two_events_about_one_job_follow_each_other(scene: Scene, service: Persona) -> None:
    job, log = ALICE_JOBS["QUEUED"], LOG.format("job_id")
    update = "update public.jobs set status = 'TRANSCRIBING', replicate_prediction_id = 'twice' where id = %s"
    first, second = scene.join(service), scene.join(service)
    assert [first.attempt(log, ["one", job]).rowcount, second.attempt(log, ["two", job]).rowcount] == [1, 1]
    assert first.attempt(update, [job]).rowcount == 1
    repeated = second.start(update, [job])
    assert scene.blockers(second) == {first.pid}
    first.commit()
    assert repeated.result().rowcount == 1
    second.commit()
    assert scene.value(LOGGED.format("job_id"), [job]) == 2
    assert scene.value(ENTRIES.format("job_id"), [job]) == 1


def test_second_event_about_a_payment_waits_before_it_is_logged(scene: Scene, service: Persona) -> None:
    """Both would share the lock of the foreign key, and neither could then set the provider's number."""
    log, target = LOG.format("payment_id"), PENDING_PAYMENT
    update = (
        "update public.payments set status = 'COMPLETED', provider_transaction_id = 'pi_twice' where id = %s"
    )
    first, second = scene.join(service), scene.join(service)
    assert first.attempt(log, ["one", target]).rowcount == 1
    logged = second.start(log, ["two", target])
    assert scene.blockers(second) == {first.pid}
    assert first.attempt(update, [target]).rowcount == 1
    first.commit()
    assert logged.result().rowcount == 1
    assert second.attempt(update, [target]).rowcount == 1
    second.commit()
    assert scene.value(LOGGED.format("payment_id"), [target]) == 2
    assert scene.value(ENTRIES.format("payment_id"), [target]) == 1


def test_event_about_a_payment_waits_for_no_other_payment(scene: Scene, service: Persona) -> None:
    buyer, holder, logger = (scene.join(service) for _ in range(3))
    other = """
        insert into public.payments (user_id, provider, amount_thb, credits_purchased)
        values (%s, 'MANUAL', 1, 1) returning id
    """
    [row] = buyer.attempt(other, [BOB]).rows
    buyer.commit()
    held = "select from public.payments where id = %s and provider_transaction_id is null for update"
    assert holder.attempt(held, [row["id"]]).rowcount == 1
    assert logger.attempt(LOG.format("payment_id"), ["one", PENDING_PAYMENT]).rowcount == 1


# Two jobs (queued, pending) and two payments, first Bob's, who has the greater id, then Alice's.
PAIR = f"(values ('{BOB}'::uuid), ('{ALICE}'::uuid)) as u (id)"
BATCHES = {
    "insert queued": f"""
        insert into public.jobs (user_id, status, input_video_path)
        select id, 'QUEUED', id || '/in.mp4' from {PAIR}
    """,
    "insert pending": f"insert into public.jobs (user_id) select id from {PAIR}",
    "enqueue": "update public.jobs set status = 'QUEUED' where job_name = 'Pair' and status = 'PENDING'",
    "fail": "update public.jobs set status = 'FAILED' where job_name = 'Pair' and status = 'QUEUED'",
    "insert paid": f"""
        insert into public.payments (user_id, provider, amount_thb, credits_purchased, status)
        select id, 'MANUAL', 1, 1, 'COMPLETED' from {PAIR}
    """,
    "pay": "update public.payments set status = 'COMPLETED' where payment_method = 'Pair'",
}
SET_UP = (
    f"""
        insert into public.jobs (user_id, job_name, status, input_video_path)
        select u.id, 'Pair', s.status::public.job_status, u.id || '/in.mp4'
        from {PAIR} cross join (values ('PENDING'), ('QUEUED')) as s (status)
    """,
    f"""
        insert into public.payments (user_id, provider, amount_thb, credits_purchased, payment_method)
        select id, 'MANUAL', 1, 1, 'Pair' from {PAIR}
    """,
)
HOLD = "select public.grant_credits(%s, 1, 'BONUS', 'Held')"


@pytest.fixture
def pairs(scene: Scene, service: Persona) -> Scene:
    """Rows of Bob and of Alice, in this order, that the batches move."""
    party = scene.join(service)
    assert [party.attempt(statement).rowcount for statement in SET_UP] == [4, 2]
    party.commit()
    return scene


@pytest.mark.parametrize("batch", BATCHES)
def test_batch_takes_the_users_by_id_whatever_its_order(pairs: Scene, service: Persona, batch: str) -> None:
    holder, mover, other = (pairs.join(service) for _ in range(3))
    assert holder.attempt(HOLD, [ALICE]).rowcount == 1
    moving = mover.start(BATCHES[batch])
    assert pairs.blockers(mover) == {holder.pid}
    # Were Bob's row taken first, this would wait for the mover.
    assert other.attempt(HOLD, [BOB]).rowcount == 1
    other.commit()
    holder.commit()
    assert moving.result().rowcount == 2
    mover.commit()


@pytest.mark.parametrize("second", ["enqueue", "insert queued", "pay"])
def test_failures_and_batches_over_the_same_users_do_not_deadlock(
    pairs: Scene, service: Persona, second: str
) -> None:
    holder, failing, moving = (pairs.join(service) for _ in range(3))
    assert holder.attempt(HOLD, [BOB]).rowcount == 1
    failures = failing.start(BATCHES["fail"])
    assert pairs.blockers(failing) == {holder.pid}
    moves = moving.start(BATCHES[second])
    # It waits for Alice's row, which the failures have: Bob's is the holder's.
    assert pairs.blockers(moving) == {failing.pid}
    holder.commit()
    assert failures.result().rowcount == 2
    failing.commit()
    assert moves.result().rowcount == 2
    moving.commit()
