"""A job that gives credits back to a debtor locks the payment before the user, because it writes both."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgassay.database import Database
from pgassay.observation import Persona
from tests.shared.accounts import BOB
from tests.shared.parallel import Party, Scene, open_scene

PAYMENT, QUEUED, AT_WORK = f"{BOB[:-3]}202", f"{BOB[:-3]}103", f"{BOB[:-3]}106"
# Bob's 5 credits are spent, then the 3 that he had bought go back: he owes them.
OWE = (
    ("select public.grant_credits(%s, -5, 'ADJUSTMENT', 'Spent')", [BOB]),
    ("update public.payments set status = 'REFUNDED' where id = %s", [PAYMENT]),
    (
        "update public.jobs set max_retries = 0, lease_expires_at = now() - interval '1 s' where id = %s",
        [AT_WORK],
    ),
)
HOLD = "update public.payments set payment_method = 'card' where id = %s"
TAKE_USER = "select from public.users where id = %s for no key update nowait"
REINSTATE = "select public.reinstate_payment(%s) as credits"
OWED = "select public.credits_owed(%s)"
ENTRIES = """
    select array_agg(type || ' ' || amount order by id) from public.credit_transactions
    where user_id = %s and created_at > (select min(refunded_at) from public.payments where id = %s)
"""


@pytest.fixture
def scene(clone: Database, service: Persona) -> Iterator[Scene]:
    """Bob owes 3 credits; one job of his is queued, one has lost its worker."""
    with open_scene(clone) as scene:
        party = scene.join(service)
        assert [party.attempt(*statement).rowcount for statement in OWE] == [1, 1, 1]
        party.commit()
        assert scene.value(OWED, [BOB]) == 3
        yield scene


def hold_payment(scene: Scene, service: Persona) -> Party:
    holder = scene.join(service)
    assert holder.attempt(HOLD, [PAYMENT]).rowcount == 1
    return holder


WAITING = {
    "cancel": ("update public.jobs set status = 'CANCELLED' where id = %s", QUEUED, 1),
    "fail": ("update public.jobs set status = 'FAILED' where id = %s", QUEUED, 1),
    "forgive": ("select public.settle_debt(%s, 3, 'Forgiven')", BOB, "PT409"),
}


@pytest.mark.parametrize("name", WAITING)
def test_recovery_waits_for_the_payment_before_it_takes_the_user(
    scene: Scene, service: Persona, name: str
) -> None:
    holder, other = hold_payment(scene, service), scene.join(service)
    statement, target, result = WAITING[name]
    late = other.start(statement, [target])
    assert scene.blockers(other) == {holder.pid}
    # Bob's row is free, which others that hold the payment need.
    assert holder.attempt(TAKE_USER, [BOB]).sqlstate == ""
    assert holder.attempt(REINSTATE, [PAYMENT]).rows == [{"credits": 0}]
    holder.commit()
    assert (late.result().sqlstate or late.result().rowcount) == result
    other.commit()
    # Nothing was owed any more.
    assert scene.value(OWED, [BOB]) == 0
    assert scene.value(ENTRIES, [BOB, PAYMENT]) == (None if name == "forgive" else ["REFUND 1"])


def test_reclaim_leaves_a_job_whose_refund_would_wait_for_a_payment(scene: Scene, service: Persona) -> None:
    holder, sweeper = hold_payment(scene, service), scene.join(service)
    reclaim = "select id::text from public.reclaim_expired_jobs()"
    assert (sweeper.attempt(reclaim).sqlstate, sweeper.attempt(reclaim).rows) == ("", [])
    assert holder.attempt(REINSTATE, [PAYMENT]).rows == [{"credits": 0}]
    sweeper.commit()
    holder.commit()
    again = scene.join(service)
    assert again.attempt(reclaim).rows == [{"id": AT_WORK}]
    again.commit()
    assert scene.value(ENTRIES, [BOB, PAYMENT]) == ["REFUND 1"]


LOG = (
    "insert into public.webhook_logs (provider, event_id, event_type, payment_id) values ('x', 'x', 'x', %s)"
)
BESIDE = {
    "cancel": (WAITING["cancel"][0], QUEUED),
    "forgive": (WAITING["forgive"][0], BOB),
    "reinstate": (REINSTATE, PAYMENT),
    "reclaim": ("select from public.reclaim_expired_jobs() where user_id = %s", BOB),
}


@pytest.mark.parametrize("name", BESIDE)
def test_what_is_owed_moves_beside_whoever_refers_to_the_payment(
    scene: Scene, service: Persona, name: str
) -> None:
    """A foreign key shares a lock on the payment."""
    webhook, other = scene.join(service), scene.join(service)
    assert webhook.attempt(LOG, [PAYMENT]).rowcount == 1
    statement, target = BESIDE[name]
    moved = other.attempt(statement, [target])
    assert (moved.sqlstate, moved.rowcount) == ("", 1)


def test_payments_that_are_owed_are_locked_in_the_order_of_their_ids(scene: Scene, service: Persona) -> None:
    """Who waits for the first holds none of the others."""
    later = f"{BOB[:-3]}299"
    buyer = scene.join(service)
    for statement, parameters in (
        (
            "insert into public.payments (id, user_id, provider, amount_thb, credits_purchased, status)"
            " values (%s, %s, 'MANUAL', 9, 1, 'COMPLETED')",
            [later, BOB],
        ),
        ("select public.grant_credits(%s, -1, 'ADJUSTMENT', 'Spent')", [BOB]),
        ("update public.payments set status = 'REFUNDED' where id = %s", [later]),
    ):
        assert buyer.attempt(statement, parameters).rowcount == 1
    buyer.commit()
    holder, other, third = hold_payment(scene, service), scene.join(service), scene.join(service)
    cancelling = other.start(WAITING["cancel"][0], [QUEUED])
    assert scene.blockers(other) == {holder.pid}
    assert third.attempt(HOLD, [later]).rowcount == 1
    third.commit()
    holder.commit()
    assert cancelling.result().rowcount == 1
    other.commit()


def test_reclaim_leaves_a_job_while_somebody_shares_a_lock_on_what_is_owed(
    scene: Scene, service: Persona
) -> None:
    holder, sweeper = scene.join(service), scene.join(service)
    assert holder.attempt("select from public.payments where id = %s for share", [PAYMENT]).rowcount == 1
    tried = sweeper.attempt("select id::text from public.reclaim_expired_jobs()")
    assert (tried.sqlstate, tried.rows) == ("", [])


def test_payment_is_reinstated_once_by_two_at_the_same_time(scene: Scene, service: Persona) -> None:
    first, second = scene.join(service), scene.join(service)
    # Of 3 credits 2 were owed when the first job gave one back.
    assert first.attempt(WAITING["cancel"][0], [QUEUED]).rowcount == 1
    first.commit()
    first = scene.join(service)
    assert first.attempt(REINSTATE, [PAYMENT]).rows == [{"credits": 1}]
    late = second.start(REINSTATE, [PAYMENT])
    assert scene.blockers(second) == {first.pid}
    first.commit()
    assert (late.result().sqlstate, late.result().rows) == ("", [{"credits": 0}])


def test_account_is_not_closed_under_who_holds_a_payment_that_is_owed(scene: Scene, service: Persona) -> None:
    holder, closer = hold_payment(scene, service), scene.join(service)
    close = "update public.users set deleted_at = now() where id = %s"
    assert closer.attempt(close, [BOB]).sqlstate == "55P03"
    assert holder.attempt(REINSTATE, [PAYMENT]).rows == [{"credits": 0}]
    holder.commit()
    assert closer.attempt(close, [BOB]).rowcount == 1
    closer.commit()


def test_recovered_credits_lower_what_the_payment_says(scene: Scene, service: Persona) -> None:
    """The control: nobody holds anything."""
    party = scene.join(service)
    assert party.attempt(WAITING["cancel"][0], [QUEUED]).rowcount == 1
    party.commit()
    shortfall = "select metadata ->> 'shortfall' from public.payments where id = %s"
    assert (scene.value(OWED, [BOB]), scene.value(shortfall, [PAYMENT])) == (2, "2")
    assert scene.value(ENTRIES, [BOB, PAYMENT]) == ["REFUND 1", "ADJUSTMENT -1"]
