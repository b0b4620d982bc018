"""Closing an account beside whoever works on its rows: it waits holding nothing, and never deadlocks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgassay.database import Database
from pgassay.observation import Persona
from tests.shared.accounts import ALICE, ALICE_JOBS
from tests.shared.parallel import Party, Scene, open_scene

CLOSE_MINE = "select public.close_my_account()"
CLOSE_DIRECTLY = "update public.users set deleted_at = now() where id = %s"
AUTH_SERVER = Persona(name="auth server", role="supabase_auth_admin")
DELETE = f"delete from auth.users where id = '{ALICE}'"
AT_WORK, UNPAID = ALICE_JOBS["TRANSCRIBING"], f"{ALICE[:-3]}201"
CANCEL_ALL = """
    update public.jobs set status = 'CANCELLED'
    where user_id = %s and status in ('PENDING', 'UPLOADING', 'QUEUED')
"""
QUEUE = "update public.jobs set status = 'QUEUED' where id = %s"
LEFT = """
    select (select count(*) from public.jobs where user_id = u.id
            and (status not in ('COMPLETED', 'FAILED', 'CANCELLED') or input_video_path is not null))
        + (select count(*) from public.webhook_logs as w
            inner join public.payments as p on w.payment_id = p.id
            where p.user_id = u.id and w.payload <> '{}')
        + (select count(*) from public.api_usage_logs where user_id = u.id and request_metadata <> '{}')
        + (u.deleted_at is null)::integer
    from public.users as u where id = %s
"""
LOG = """
    insert into public.webhook_logs (provider, event_id, event_type, payload, payment_id)
    values ('stripe', 'late', 'late', '{"name": "Alice"}', %s)
"""
PAY = "update public.payments set status = 'COMPLETED', provider_transaction_id = 'late' where id = %s"
USE_API = """
    insert into public.api_usage_logs (api_provider, job_id, user_id, request_metadata)
    values ('openai', %s, %s, '{"name": "Alice"}')
"""
COUNT_COST = "update public.api_usage_logs set cost_usd = 1 where user_id = %s"
FAIL = "update public.jobs set status = 'FAILED' where id = %s"
HEARTBEAT = "update public.jobs set progress_percentage = 5 where id = %s"

Statement = tuple[str, list[str]]
# Who holds something of Alice's, and what else he wants before he commits.
HOLDERS: dict[str, tuple[str, list[Statement]]] = {
    "cancels all": ("alice", [(CANCEL_ALL, [ALICE])]),
    "cancels one by one": (
        "alice",
        [(f"{CANCEL_ALL} and id = %s", [ALICE, ALICE_JOBS[s]]) for s in ("QUEUED", "PENDING")],
    ),
    "renames and queues": (
        "alice",
        [
            ("update public.users set full_name = 'A' where id = %s", [ALICE]),
            (QUEUE, [ALICE_JOBS["PENDING"]]),
        ],
    ),
    "queues": ("alice", [(QUEUE, [ALICE_JOBS["PENDING"]]), (QUEUE, [ALICE_JOBS["UPLOADING"]])]),
    "webhook": ("service", [(LOG, [UNPAID]), (PAY, [UNPAID])]),
    "worker": ("service", [(HEARTBEAT, [AT_WORK]), (FAIL, [AT_WORK])]),
    "worker that logs": ("service", [(USE_API, [AT_WORK, ALICE]), (FAIL, [AT_WORK])]),
    "worker that counts": ("service", [(COUNT_COST, [ALICE]), (FAIL, [AT_WORK])]),
}


@pytest.fixture
def scene(clone: Database) -> Iterator[Scene]:
    with open_scene(clone) as scene:
        yield scene


def join_closer(scene: Scene, alice: Persona, way: str) -> tuple[Party, str]:
    if way == "herself":
        return scene.join(alice), CLOSE_MINE
    return scene.join(AUTH_SERVER, login=AUTH_SERVER.role), DELETE


@pytest.mark.parametrize("way", ["herself", "auth server"])
@pytest.mark.parametrize("name", HOLDERS)
def test_closing_waits_for_whoever_holds_a_row_and_stands_in_nobodys_way(
    scene: Scene, personas: dict[str, Persona], name: str, way: str
) -> None:
    persona, statements = HOLDERS[name]
    holder = scene.join(personas[persona])
    closer, close = join_closer(scene, personas["alice"], way)
    assert holder.attempt(*statements[0]).rowcount >= 1
    closing = closer.start(close)
    assert scene.blockers(closer) == {holder.pid}
    # It holds nothing while it waits.
    assert [holder.attempt(*statement).rowcount for statement in statements[1:]] == [1] * len(statements[1:])
    holder.commit()
    assert (closing.result().sqlstate, closing.result().rowcount) == ("", 1)
    closer.commit()
    assert scene.value(LEFT, [ALICE]) == 0


@pytest.mark.parametrize("name", HOLDERS)
def test_who_comes_while_an_account_is_closed_waits_and_finds_it_closed(
    scene: Scene, personas: dict[str, Persona], name: str
) -> None:
    persona, statements = HOLDERS[name]
    other, closer = scene.join(personas[persona]), scene.join(personas["alice"])
    assert closer.attempt(CLOSE_MINE).rowcount == 1
    late = other.start(*statements[-1])
    assert scene.blockers(other) == {closer.pid}
    closer.commit()
    # A client finds nothing of its own any more, a worker that its job is over; late money is taken.
    expected = 0 if persona == "alice" else 1 if name == "webhook" else "PT409"
    assert (late.result().sqlstate or late.result().rowcount) == expected
    other.commit()
    assert scene.value(LEFT, [ALICE]) == 0


@pytest.mark.parametrize("name", ["webhook", "worker", "worker that logs", "worker that counts"])
def test_backend_that_closes_waits_for_nobody(scene: Scene, personas: dict[str, Persona], name: str) -> None:
    """It holds the user's row, for which the holder of another may wait: it gives up at once."""
    persona, statements = HOLDERS[name]
    holder, closer = scene.join(personas[persona]), scene.join(personas["service"])
    assert holder.attempt(*statements[0]).rowcount >= 1
    assert closer.attempt(CLOSE_DIRECTLY, [ALICE]).sqlstate == "55P03"
    closer.commit()
    assert [holder.attempt(*statement).rowcount for statement in statements[1:]] == [1] * len(statements[1:])
    holder.commit()
    assert scene.value(LEFT, [ALICE]) > 0
    again = scene.join(personas["service"])
    assert again.attempt(CLOSE_DIRECTLY, [ALICE]).rowcount == 1
    again.commit()
    assert scene.value(LEFT, [ALICE]) == 0
