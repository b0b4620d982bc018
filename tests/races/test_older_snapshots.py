"""Refunds of payments beside jobs that give credits back: at every isolation level the books hold."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgassay.database import Database
from pgassay.observation import Persona
from tests.shared.accounts import BOB
from tests.shared.parallel import Party, Scene, open_scene

PAYMENT, QUEUED = f"{BOB[:-3]}202", f"{BOB[:-3]}103"
ISOLATIONS = ["read committed", "repeatable read", "serializable"]
SPEND = "select public.grant_credits(id, -credits, 'ADJUSTMENT', 'Spent') from public.users where id = %s"
REFUND = "update public.payments set status = 'REFUNDED' where id = %s"
PART = "select public.refund_partially(%s, 1, 'Part', 'part')"
FORGIVE = "select public.settle_debt(%s, 3, 'Forgiven')"
FAIL = "update public.jobs set status = %s where id = %s"
KEPT = "select credits from public.users where id = %s"
OWED = "select public.credits_owed(%s)"


@pytest.fixture
def scene(clone: Database, service: Persona) -> Iterator[Scene]:
    """Bob has spent everything, one credit for a job that is queued; nothing is left to claw back."""
    with open_scene(clone) as scene:
        party = scene.join(service)
        assert party.attempt(SPEND, [BOB]).rowcount == 1
        party.commit()
        assert scene.value(KEPT, [BOB]) == 0
        yield scene


def see(party: Party) -> None:
    """Take the snapshot of a transaction."""
    assert party.attempt("select count(*) from public.jobs").rowcount == 1


def end_job(scene: Scene, party: Party, isolation: str, end: str) -> None:
    """What an older snapshot is refused, a new one does."""
    tried = party.attempt(FAIL, [end, QUEUED])
    if isolation == "read committed":
        assert tried.rowcount == 1
        party.commit()
        return
    assert tried.sqlstate == "40001"


def end_job_again(scene: Scene, service: Persona, isolation: str, end: str) -> None:
    if isolation != "read committed":
        again = scene.join(service, isolation=isolation)
        assert again.attempt(FAIL, [end, QUEUED]).rowcount == 1
        again.commit()


@pytest.mark.parametrize("end", ["FAILED", "CANCELLED"])
@pytest.mark.parametrize(("refund", "owed"), [(REFUND, 2), (PART, 0)], ids=["whole", "part"])
@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_job_that_ends_from_before_a_refund_gives_nothing_away(
    scene: Scene, service: Persona, isolation: str, refund: str, owed: int, end: str
) -> None:
    worker, support = scene.join(service, isolation=isolation), scene.join(service)
    see(worker)
    assert support.attempt(refund, [PAYMENT]).rowcount == 1
    support.commit()
    end_job(scene, worker, isolation, end)
    end_job_again(scene, service, isolation, end)
    assert (scene.value(KEPT, [BOB]), scene.value(OWED, [BOB])) == (0, owed)


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_refund_from_before_a_job_ended_takes_what_it_gave_back(
    scene: Scene, service: Persona, isolation: str
) -> None:
    worker, support = scene.join(service), scene.join(service, isolation=isolation)
    see(support)
    assert worker.attempt(FAIL, ["FAILED", QUEUED]).rowcount == 1
    worker.commit()
    tried = support.attempt(REFUND, [PAYMENT])
    if isolation == "read committed":
        assert tried.rowcount == 1
        support.commit()
    else:
        assert tried.sqlstate == "40001"
        again = scene.join(service, isolation=isolation)
        assert again.attempt(REFUND, [PAYMENT]).rowcount == 1
        again.commit()
    assert (scene.value(KEPT, [BOB]), scene.value(OWED, [BOB])) == (0, 2)


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_job_that_ends_from_before_a_debt_was_forgiven_pays_nothing(
    scene: Scene, service: Persona, isolation: str
) -> None:
    support = scene.join(service)
    assert support.attempt(REFUND, [PAYMENT]).rowcount == 1
    support.commit()
    worker, support = scene.join(service, isolation=isolation), scene.join(service)
    see(worker)
    assert support.attempt(FORGIVE, [BOB]).rowcount == 1
    support.commit()
    end_job(scene, worker, isolation, "FAILED")
    end_job_again(scene, service, isolation, "FAILED")
    assert (scene.value(KEPT, [BOB]), scene.value(OWED, [BOB])) == (1, 0)
