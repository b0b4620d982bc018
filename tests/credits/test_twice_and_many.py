"""The same call twice counts once; one statement over several rows does what a statement for each does."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from pgassay.database import Session
from pgassay.observation import Persona
from pgassay.properties import assert_one_is_many, assert_twice_is_once
from tests.shared.accounts import BOB, add_job, move_job, open_account
from tests.shared.payments import buy, order

DONE = "status = 'COMPLETED', output_video_path = user_id || '/out.mp4'"


class Scene(NamedTuple):
    """A user with a payment that is paid, one that was refunded and is still owed, and a job at work."""

    erin: Persona
    paid: str
    owing: str
    job: str
    token: str


@pytest.fixture
def scene(backend: Session) -> Scene:
    erin = open_account(backend, "erin", credits=1)
    owing = buy(backend, erin.id)
    add_job(backend, erin.id, status="QUEUED", cost=4)
    backend.execute("update public.payments set status = 'REFUNDED' where id = %s", [owing])
    paid = buy(backend, erin.id, "Popular Pack")
    job = add_job(backend, erin.id, status="QUEUED", cost=2)
    move_job(backend, job, "TRANSCRIBING", "ANALYZING", "RENDERING")
    token = backend.value("select attempt_token::text from public.jobs where id = %s", [job])
    return Scene(erin=erin, paid=paid, owing=owing, job=job, token=token)


@pytest.mark.parametrize(
    "call",
    [
        "public.grant_credits('{erin.id}', 5, 'BONUS', 'x', 'key')",
        "public.refund_partially('{paid}', 2, 'x', 'key')",
        "public.settle_debt('{erin.id}', 1, 'x', 'key')",
        "public.reinstate_payment('{owing}')",
        "public.complete_job('{job}', '{token}', '{erin.id}/out.mp4')",
        "public.fail_job('{job}', '{token}', 'x')",
        "public.fail_job('{job}', '{token}', 'x', retry => false)",
        "public.claim_next_jobs('worker', 1000, interval '1 minute')",
    ],
)
def test_call_of_the_backend_counts_once(backend: Session, service: Persona, scene: Scene, call: str) -> None:
    assert_twice_is_once(backend, service, f"select {call.format(**scene._asdict())}")


def test_event_of_a_provider_counts_once(backend: Session, service: Persona) -> None:
    event = """
        insert into public.webhook_logs (provider, event_type, event_id, payload)
        values ('stripe', 'paid', 'evt_of_this_test', '{}')
    """
    assert_twice_is_once(backend, service, event)


def test_request_of_a_user_counts_once(backend: Session, scene: Scene) -> None:
    request = f"""
        insert into public.jobs (user_id, status, input_video_path, client_request_id)
        values ('{scene.erin.id}', 'QUEUED', '{scene.erin.id}/new.mp4', '{BOB}')
    """
    assert_twice_is_once(backend, scene.erin, request)


def test_account_closes_once(backend: Session, scene: Scene) -> None:
    assert_twice_is_once(backend, scene.erin, "select public.close_my_account()")


@pytest.mark.parametrize(
    ("start", "change"),
    [
        ("PENDING", "status = 'UPLOADING'"),
        ("PENDING", "status = 'QUEUED'"),
        ("UPLOADING", "status = 'CANCELLED'"),
        ("QUEUED", "status = 'CANCELLED'"),
        ("QUEUED", "status = 'FAILED'"),
        ("QUEUED", "status = 'TRANSCRIBING', worker_id = 'w'"),
        ("TRANSCRIBING", "status = 'QUEUED'"),
        ("TRANSCRIBING", "status = 'FAILED'"),
        ("RENDERING", DONE),
    ],
)
def test_jobs_together_become_what_they_become_one_by_one(
    backend: Session, service: Persona, scene: Scene, start: str, change: str
) -> None:
    """Of two users, one of whom owes: what jobs give back pays debts."""
    backend.execute("select public.grant_credits(%s, 20, 'BONUS', 'x')", [scene.erin.id])
    backend.execute("select public.grant_credits(%s, 20, 'BONUS', 'x')", [BOB])
    first = "QUEUED" if start in ("TRANSCRIBING", "RENDERING") else start
    jobs = sorted(
        add_job(backend, user, status=first, cost=cost)
        for user, cost in ((scene.erin.id, 1), (BOB, 2), (scene.erin.id, 3), (BOB, 1))
    )
    on_the_way = ("TRANSCRIBING", "ANALYZING", "RENDERING")
    for job in jobs:
        move_job(backend, job, *on_the_way[: (*on_the_way, start).index(start) + 1] if first != start else ())
    update = f"update public.jobs set {change} where id = any(array[{{}}]::uuid[])"
    ids = [f"'{job}'" for job in jobs]
    assert_one_is_many(backend, service, update.format(", ".join(ids)), [update.format(one) for one in ids])


@pytest.mark.parametrize(
    ("start", "end"),
    [("PENDING", "COMPLETED"), ("PENDING", "FAILED"), ("FAILED", "COMPLETED"), ("COMPLETED", "REFUNDED")],
)
def test_payments_together_become_what_they_become_one_by_one(
    backend: Session, service: Persona, scene: Scene, start: str, end: str
) -> None:
    """What was bought is spent in part, so that refunds fall short."""
    payments = []
    for number, user in enumerate((scene.erin.id, BOB, scene.erin.id)):
        bought = order(backend, user, provider_transaction_id=f"{start} {number}", status=start)
        payments.append(f"'{bought.rows[0]['id']}'")
    add_job(backend, BOB, status="QUEUED", cost=2)
    update = f"update public.payments set status = '{end}' where id = any(array[{{}}]::uuid[])"
    apart = [update.format(one) for one in sorted(payments)]
    assert_one_is_many(backend, service, update.format(", ".join(payments)), apart)


def test_jobs_that_are_inserted_together_cost_what_they_cost_one_by_one(
    backend: Session, service: Persona, scene: Scene
) -> None:
    rows = [
        # With ids: entries of one statement are posted in their order.
        f"('00000000-0000-4000-8000-00000000000{cost}', '{user}', 'QUEUED', {cost}, '{user}/in.mp4')"
        for user, cost in ((scene.erin.id, 1), (BOB, 2), (scene.erin.id, 3))
    ]
    insert = "insert into public.jobs (id, user_id, status, credits_cost, input_video_path) values {}"
    assert_one_is_many(backend, service, insert.format(", ".join(rows)), [insert.format(row) for row in rows])
