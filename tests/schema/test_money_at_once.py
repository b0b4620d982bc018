"""Two requests about the money of one account at once: the second waits, and counts with the first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from accounts import ALICE
from parallel import Scene, open_scene
from payments import ALICE_PAYMENTS, SET_STATUS

from pgassay.database import Database
from pgassay.observation import Persona

CREDITS = "select credits from public.users where id = %s"
GRANT = "select public.grant_credits(%s, 5, 'BONUS', 'Sorry', 'key-1') as id"
SPEND_ALL_BUT_ONE = """
    select public.grant_credits(u.id, 1 - u.credits, 'ADJUSTMENT', 'Spent')
    from public.users as u
    where u.id = %s
"""
SHORTFALL = "select (metadata ->> 'shortfall')::integer from public.payments where id = %s"


@pytest.fixture
def scene(clone: Database) -> Iterator[Scene]:
    with open_scene(clone) as scene:
        yield scene


def test_refund_waits_for_what_is_being_spent_and_takes_the_rest(scene: Scene, service: Persona) -> None:
    spender, refunder = scene.join(service), scene.join(service)
    assert spender.attempt(SPEND_ALL_BUT_ONE, [ALICE]).rowcount == 1
    refunding = refunder.start(SET_STATUS, ["REFUNDED", ALICE_PAYMENTS["COMPLETED"]])
    assert scene.blockers(refunder) == {spender.pid}
    spender.commit()
    assert refunding.result().rowcount == 1
    refunder.commit()
    assert scene.value(CREDITS, [ALICE]) == 0
    assert scene.value(SHORTFALL, [ALICE_PAYMENTS["COMPLETED"]]) == 9


def test_same_grant_sent_twice_at_once_is_posted_once(scene: Scene, service: Persona) -> None:
    first, second = scene.join(service), scene.join(service)
    before = scene.value(CREDITS, [ALICE])
    [granted] = first.attempt(GRANT, [ALICE]).rows
    granting = second.start(GRANT, [ALICE])
    assert scene.blockers(second) == {first.pid}
    first.commit()
    assert granting.result().rows == [granted]
    second.commit()
    assert scene.value(CREDITS, [ALICE]) == before + 5
