"""Of two requests that move one user's money, the second waits; then it counts with the first, or fails."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest

from pgassay.database import Database
from pgassay.observation import Persona
from tests.shared.debts import Model, Sale
from tests.shared.parallel import Party, Scene, open_scene

OLDER_SNAPSHOTS = ("repeatable read", "serializable")
LEVELS = ("read committed", *OLDER_SNAPSHOTS)
USERS = {level: f"e2100000-0000-4000-8000-00000000000{number}" for number, level in enumerate(LEVELS)}

# Ten credits, all spent on two jobs.
SCENERY = """
    insert into auth.users (id, email) values (%(user)s::uuid, %(user)s::uuid || '@example.com');
    insert into public.payments (id, user_id, package_id, provider, status)
    select %(payment)s, %(user)s::uuid, id, 'MANUAL', 'COMPLETED'
    from public.credit_packages where credits = 10;
    insert into public.jobs (id, user_id, status, credits_cost, input_video_path) values
    (%(small)s, %(user)s::uuid, 'QUEUED', 3, %(user)s::uuid || '/a.mp4'),
    (%(large)s, %(user)s::uuid, 'QUEUED', 7, %(user)s::uuid || '/b.mp4')
"""
FAIL = "update public.jobs set status = 'FAILED' where id = %({})s"
REFUND = "update public.payments set status = 'REFUNDED' where id = %(payment)s"
PART = "select public.refund_partially(%(payment)s, {0}, 'Part', '{0} of ' || %(user)s::uuid)"
ACTIONS = {
    "small job fails": FAIL.format("small"),
    "large job fails": FAIL.format("large"),
    "two are refunded": PART.format(2),
    "part is refunded": PART.format(4),
    "payment is refunded": REFUND,
    "support settles": "select public.settle_debt(%(user)s::uuid, 2, 'Cash', 'settled ' || %(user)s::uuid)",
    "dispute is won": "select public.reinstate_payment(%(payment)s)",
}
# What has happened before, and of what then two happen at once.
STAGES = {
    (): ("small job fails", "part is refunded", "payment is refunded"),
    ("two are refunded",): ("small job fails", "part is refunded", "payment is refunded", "support settles"),
    ("two are refunded", "payment is refunded"): ("large job fails", "support settles", "dispute is won"),
    ("payment is refunded",): ("small job fails", "support settles", "dispute is won"),
}
STATE = """
    select array[
        u.credits, public.credits_owed(u.id),
        (select coalesce((metadata ->> 'shortfall')::int, 0) from public.payments where user_id = u.id)
    ]
    from public.users as u where id = %s
"""


def names(user: str) -> dict[str, str]:
    places = {"payment": "1", "small": "2", "large": "3"}
    return {"user": user} | {name: f"e21{number}{user[4:]}" for name, number in places.items()}


def tell(actions: list[str]) -> tuple[str, list[int]]:
    """What the last is answered when these have happened one after the other; credits and debts then."""
    model = Model(sales={"payment": Sale(credits=10)})
    model.tick(10)
    model.queue("large", 7)
    model.queue("small", 3)
    answers: dict[str, int | None] = {
        # Each happens once, however often it is said.
        action: None if act(model, action) is None else 0
        for action in dict.fromkeys(actions)
    }
    refused = bool(actions) and answers[actions[-1]] is None
    return "PT409" if refused else "", [model.balance, model.owed(), model.shortfalls()["payment"]]


def act(model: Model, action: str) -> int | None:
    """None: refused."""
    match action:
        case "two are refunded":
            return model.refund_part("payment", 2)
        case "part is refunded":
            return model.refund_part("payment", 4)
        case "support settles":
            return model.settle(2)
        case "dispute is won":
            return model.reinstate("payment")
        case "payment is refunded":
            model.refund("payment")
        case _:
            model.end([action.split(maxsplit=1)[0]])
    return 0


@pytest.fixture
def scene(clone: Database) -> Iterator[Scene]:
    with open_scene(clone) as scene:
        yield scene


def make_scenery(scene: Scene, user: str, former: tuple[str, ...]) -> None:
    with scene.database.connect(autocommit=True) as owner:
        for statement in (*SCENERY.split(";"), *(ACTIONS[action] for action in former)):
            owner.execute(statement.encode(), names(user))


def see(party: Party) -> None:
    """Take the snapshot of a transaction."""
    assert party.attempt("select count(*) from public.payments").rowcount == 1


@pytest.mark.parametrize(
    ("former", "first", "second"),
    [
        *((former, *pair) for former, actions in STAGES.items() for pair in product(actions, actions)),
        ((), "payment is refunded", "dispute is won"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"after {len(value)}",
)
def test_second_counts_with_the_first_or_fails(
    scene: Scene, service: Persona, former: tuple[str, ...], first: str, second: str
) -> None:
    for level, user in USERS.items():
        make_scenery(scene, user, former)
        assert scene.value(STATE, [user]) == tell([*former])[1]
        early, late = scene.join(service), scene.join(service, isolation=level)
        see(late)
        assert early.attempt(ACTIONS[first], names(user)).sqlstate == ""
        waiting = late.start(ACTIONS[second], names(user))
        assert scene.blockers(late) == {early.pid}
        early.commit()
        refused = waiting.result().sqlstate
        late.commit()
        if level in OLDER_SNAPSHOTS:
            assert refused == "40001"
            assert scene.value(STATE, [user]) == tell([*former, first])[1]
            again = scene.join(service, isolation=level)
            refused = again.attempt(ACTIONS[second], names(user)).sqlstate
            again.commit()
        assert (refused, scene.value(STATE, [user])) == tell([*former, first, second])


def test_two_that_waited_for_a_payment_do_not_wait_for_each_other(scene: Scene, service: Persona) -> None:
    """Had both only shared it before they wrote it, one would be refused as a deadlock."""
    user = USERS["read committed"]
    make_scenery(scene, user, ("two are refunded",))
    holder, first, second = (scene.join(service) for _ in range(3))
    share = "select from public.payments where id = %(payment)s for share"
    assert holder.attempt(share, names(user)).rowcount == 1
    early = first.start(ACTIONS["small job fails"], names(user))
    assert scene.blockers(first) == {holder.pid}
    late = second.start(ACTIONS["large job fails"], names(user))
    assert scene.blockers(second) <= {holder.pid, first.pid}
    holder.commit()
    assert early.result().sqlstate == ""
    first.commit()
    assert late.result().sqlstate == ""
    second.commit()
    assert scene.value(STATE, [user]) == tell(["two are refunded", "small job fails", "large job fails"])[1]


@pytest.mark.parametrize("action", ["small job fails", "support settles"])
def test_debt_is_written_beside_whoever_refers_to_its_payment(
    scene: Scene, service: Persona, action: str
) -> None:
    """As a foreign key does."""
    user = USERS["read committed"]
    make_scenery(scene, user, ("two are refunded",))
    other, mover = scene.join(service), scene.join(service)
    refer = "select from public.payments where id = %(payment)s for key share"
    assert other.attempt(refer, names(user)).rowcount == 1
    assert mover.attempt(ACTIONS[action], names(user)).sqlstate == ""


def test_parts_at_once_are_never_the_whole(scene: Scene, service: Persona) -> None:
    owing = names(USERS["read committed"])
    make_scenery(scene, USERS["read committed"], ())
    one, other = scene.join(service), scene.join(service)
    assert one.attempt(PART.format(6), owing).rowcount == 1
    late = other.start(PART.format(5), owing)
    assert scene.blockers(other) == {one.pid}
    one.commit()
    assert late.result().sqlstate == "PT409"


def test_dispute_about_what_nobody_owes_is_won_once_by_two(scene: Scene, service: Persona) -> None:
    """No row of the payment is written, for which the second would wait."""
    paid = names(USERS["read committed"])
    with scene.database.connect(autocommit=True) as owner:
        for statement in (*SCENERY.split(";")[:2], REFUND):
            owner.execute(statement.encode(), paid)
    one, other = scene.join(service), scene.join(service)
    assert list(one.attempt(ACTIONS["dispute is won"], paid).rows[0].values()) == [10]
    late = other.start(ACTIONS["dispute is won"], paid)
    assert scene.blockers(other) == {one.pid}
    one.commit()
    assert late.result().sqlstate == ""
    assert list(late.result().rows[0].values()) == [0]
