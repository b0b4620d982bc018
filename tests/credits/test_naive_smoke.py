"""Each naive variant works in ordinary use, statement after statement: only hard cases tell it from ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgassay.database import Session
from tests.credits.variants import NAIVE, SWALLOWED_ERROR, make_naive
from tests.shared.accounts import add_job, find_disagreements, move_job, open_account, read_books
from tests.shared.payments import SET_STATUS, buy

EXPIRE = "update public.jobs set lease_expires_at = now() - interval '1 hour', max_retries = 0 where id = %s"
QUEUE = """
    insert into public.jobs (user_id, status, credits_cost, input_video_path) values (%s, 'QUEUED', %s, %s)
"""


@pytest.mark.parametrize("patch", [*NAIVE.values(), SWALLOWED_ERROR], ids=lambda patch: patch.stem)
def test_naive_variant_passes_ordinary_use(backend: Session, patch: Path) -> None:
    make_naive(backend, patch)
    erin = open_account(backend, "erin", credits=10)
    payment = buy(backend, erin.id)
    queued = add_job(backend, erin.id, status="QUEUED", cost=2)
    pending = add_job(backend, erin.id, cost=4)
    move_job(backend, pending, "QUEUED", "TRANSCRIBING")
    backend.execute(EXPIRE, [pending])
    move_job(backend, queued, "CANCELLED")
    assert backend.execute("select id from public.reclaim_expired_jobs()").rowcount == 1
    backend.execute(SET_STATUS, ["REFUNDED", payment])
    assert backend.attempt(QUEUE, [erin.id, 11, f"{erin.id}/in.mp4"]).sqlstate == "PT402"
    books = read_books(backend, erin.id)
    assert books.entries == [
        ("BONUS", 10, 10),
        ("PURCHASE", 3, 13),
        ("USAGE", -2, 11),
        ("USAGE", -4, 7),
        ("REFUND", 2, 9),
        ("REFUND", 4, 13),
        ("ADJUSTMENT", -3, 10),
    ]
    assert (books.credits, books.purchased, books.used) == (10, 3, 0)
    assert find_disagreements(backend) == []
