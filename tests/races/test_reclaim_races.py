"""The sweeper does what it can beside clients that hold rows, and beside a job that cannot be taken back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgassay.database import Database
from pgassay.observation import Persona
from tests.races.test_debts_at_once import USERS, make_scenery, names
from tests.shared.accounts import ALICE, ALICE_JOBS, BOB
from tests.shared.parallel import Party, Scene, open_scene

RECLAIM = "select id::text, status::text from public.reclaim_expired_jobs()"
ALICES, BOBS = ALICE_JOBS["RENDERING"], f"{BOB[:-3]}106"
ALICES_OTHERS = [ALICE_JOBS["TRANSCRIBING"], ALICE_JOBS["ANALYZING"]]
EXPIRE = """
    update public.jobs set lease_expires_at = now() - interval '1 s', max_retries = %s where id = any(%s)
"""
REFUNDS = "select count(*) from public.credit_transactions where job_id = %s and type = 'REFUND'"
ISOLATIONS = ["read committed", "repeatable read", "serializable"]
# How a client holds its own row, which is all that it can lock for long.
HOLDS = {
    "PATCH": ("update public.users set full_name = 'A' where id = %s", ALICE),
    "queueing": ("update public.jobs set status = 'QUEUED' where id = %s", ALICE_JOBS["PENDING"]),
    "cancelling": ("update public.jobs set status = 'CANCELLED' where id = %s", ALICE_JOBS["QUEUED"]),
}


@pytest.fixture
def scene(clone: Database) -> Iterator[Scene]:
    with open_scene(clone) as scene:
        yield scene


def expire(scene: Scene, service: Persona, jobs: list[str], *, max_retries: int) -> None:
    party = scene.join(service)
    assert party.attempt(EXPIRE, [max_retries, jobs]).rowcount == len(jobs)
    party.commit()


def reclaim(party: Party) -> dict[str, str]:
    swept = party.attempt(RECLAIM)
    assert swept.sqlstate == ""
    return {row["id"]: row["status"] for row in swept.rows}


@pytest.mark.parametrize("isolation", ISOLATIONS)
@pytest.mark.parametrize("hold", HOLDS)
def test_client_that_holds_its_row_delays_only_jobs_that_are_refunded_to_it(
    scene: Scene, personas: dict[str, Persona], hold: str, isolation: str
) -> None:
    service = personas["service"]
    expire(scene, service, [ALICES, BOBS], max_retries=0)
    expire(scene, service, ALICES_OTHERS, max_retries=3)
    holder, sweeper = scene.join(personas["alice"]), scene.join(service, isolation=isolation)
    statement, target = HOLDS[hold]
    assert holder.attempt(statement, [target]).rowcount == 1
    assert reclaim(sweeper) == {BOBS: "FAILED", **dict.fromkeys(ALICES_OTHERS, "QUEUED")}
    sweeper.commit()
    holder.commit()
    again = scene.join(service, isolation=isolation)
    assert reclaim(again) == {ALICES: "FAILED"}
    again.commit()
    assert [scene.value(REFUNDS, [job]) for job in (ALICES, BOBS)] == [1, 1]


def test_two_sweepers_share_the_jobs_and_never_wait(scene: Scene, service: Persona) -> None:
    expire(scene, service, [ALICES, BOBS], max_retries=0)
    first, second = scene.join(service), scene.join(service)
    assert reclaim(first) == {ALICES: "FAILED", BOBS: "FAILED"}
    assert reclaim(second) == {}
    first.commit()
    assert [scene.value(REFUNDS, [job]) for job in (ALICES, BOBS)] == [1, 1]


POISONS = {
    # What a balance at its bound did, and what a trigger of somebody else's may do.
    "balance": f"""
        set local session_replication_role = replica;
        update public.users set credits = 2147483647 where id = '{ALICE}';
        set local session_replication_role = origin;
    """,
    "trigger": f"""
        create function pg_temp.refuse() returns trigger language plpgsql as $$ begin
            raise exception 'poisoned';
        end $$;
        create trigger poison before update on public.jobs for each row
        when (new.id = '{ALICES}') execute function pg_temp.refuse();
    """,
}
CURES = {
    "balance": """
        set local session_replication_role = replica;
        update public.users as u set credits = (
            select t.balance_after from public.credit_transactions as t
            where t.user_id = u.id order by t.id desc limit 1
        ) where u.credits = 2147483647;
    """,
    "trigger": "drop trigger poison on public.jobs",
}


@pytest.mark.parametrize("poison", POISONS)
def test_poisoned_job_stops_none_of_the_others(scene: Scene, service: Persona, poison: str) -> None:
    expire(scene, service, [ALICES, BOBS], max_retries=0)
    expire(scene, service, [ALICES_OTHERS[0]], max_retries=3)
    owner = Persona(name="owner", role=scene.database.owner)
    sick = scene.join(owner, login=owner.role)
    sick.client.connection.execute(POISONS[poison].encode())
    swept = sick.attempt(RECLAIM)
    assert swept.sqlstate == ""
    assert {row["id"]: row["status"] for row in swept.rows} == {BOBS: "FAILED", ALICES_OTHERS[0]: "QUEUED"}
    (warning,) = swept.notices
    assert warning.startswith(f"job {ALICES} can not be taken back: ")
    assert sick.attempt("select status::text from public.jobs where id = %s", [ALICES]).rows == [
        {"status": "RENDERING"}
    ]
    sick.client.connection.execute(CURES[poison].encode())
    sick.commit()
    healthy = scene.join(service)
    assert reclaim(healthy) == {ALICES: "FAILED"}
    healthy.commit()
    assert [scene.value(REFUNDS, [job]) for job in (ALICES, BOBS)] == [1, 1]


# A row of what users owe, by itself: nothing else that a sweep looks at is written.
OWE = """
    insert into private.debts (user_id, payment_id, kind, credits, after_entry)
    select p.user_id, p.id, 'shortfall', 1, 1 from public.payments as p where p.user_id = %s limit 1
"""


@pytest.mark.parametrize("is_poisoned", [False, True], ids=["in one go", "each alone"])
def test_sweep_that_must_be_done_again_as_a_whole_says_so(
    scene: Scene, service: Persona, is_poisoned: bool
) -> None:
    """A failed serialization is no fault of a job: it is not told as one, nothing is taken back."""
    expire(scene, service, [ALICES, BOBS], max_retries=0)
    owner = Persona(name="owner", role=scene.database.owner)
    sweeper = scene.join(owner, login=owner.role, isolation="serializable")
    if is_poisoned:
        sweeper.client.connection.execute(POISONS["trigger"].encode())
    # The sweep reads what this one writes, a debt of Bob's, and writes what it reads: neither can be first.
    assert sweeper.attempt("select from public.credit_packages").sqlstate == ""
    other = scene.join(owner, login=owner.role, isolation="serializable")
    assert other.attempt("select from public.jobs where id = %s", [BOBS]).rowcount == 1
    assert other.attempt(OWE, [BOB]).rowcount == 1
    other.commit()
    swept = sweeper.attempt(RECLAIM)
    assert swept.sqlstate == "40001"
    assert [notice.startswith(f"job {ALICES} ") for notice in swept.notices] == [True] * is_poisoned
    assert scene.value(REFUNDS, [BOBS]) == 0


def test_suspended_account_does_not_stop_the_sweep(scene: Scene, service: Persona) -> None:
    expire(scene, service, [ALICES, BOBS], max_retries=0)
    suspend = scene.join(service)
    assert suspend.attempt("update public.users set is_active = false where id = %s", [ALICE]).rowcount == 1
    suspend.commit()
    sweeper = scene.join(service)
    assert reclaim(sweeper) == {ALICES: "FAILED", BOBS: "FAILED"}
    sweeper.commit()
    assert scene.value(REFUNDS, [ALICES]) == 1


def test_more_than_a_call_takes_are_left_to_the_next_those_first_that_ended_first(
    scene: Scene, service: Persona
) -> None:
    owner = Persona(name="owner", role=scene.database.owner)
    place = scene.join(owner, login=owner.role)
    place.client.connection.execute("set local session_replication_role = replica")
    fill = f"""
        insert into public.jobs (user_id, status, created_at, lease_expires_at, input_video_path)
        select '{BOB}', 'TRANSCRIBING', now() - interval '1 day', now() - n * interval '1 s', '{BOB}/in.mp4'
        from generate_series(1, 1001) as n
    """
    assert place.attempt(fill).rowcount == 1001
    place.client.connection.execute("set local session_replication_role = origin")
    place.commit()
    last = scene.value(
        "select id::text from public.jobs where lease_expires_at < now()"
        " order by lease_expires_at desc limit 1"
    )
    sweeper = scene.join(service)
    swept = reclaim(sweeper)
    assert (len(swept), last in swept) == (1000, False)
    assert reclaim(sweeper) == {last: "QUEUED"}
    sweeper.commit()


def test_due_retries_go_back_among_the_others_and_waiting_ones_do_not(scene: Scene, service: Persona) -> None:
    queued = [ALICE_JOBS["QUEUED"], f"{BOB[:-3]}103"]
    due = "update public.jobs set next_attempt_at = now() + %s::interval where id = %s"
    sweeper = scene.join(service)
    assert sweeper.attempt(due, ["-1 s", queued[0]]).rowcount == 1
    assert sweeper.attempt(due, ["1 h", queued[1]]).rowcount == 1
    assert reclaim(sweeper) == {}
    waits = "select id::text from public.jobs where next_attempt_at is not null"
    assert sweeper.attempt(waits).rows == [{"id": queued[1]}]


STEPS = ("TRANSCRIBING", "ANALYZING", "RENDERING")
AT_WORK = """
    update public.jobs set status = %(step)s, lease_expires_at = now() + %(ends)s::interval,
        max_retries = %(retries)s
    where id = %(large)s
"""


@pytest.mark.parametrize(
    ("step", "ends", "retries", "state", "held"),
    [
        *((step, "-1 second", 0, "FAILED", "55P03") for step in STEPS),
        ("TRANSCRIBING", "-1 second", 1, "QUEUED", ""),
        ("TRANSCRIBING", "1 hour", 0, "", ""),
        ("TRANSCRIBING", "1 hour", 1, "", ""),
    ],
    ids=[*(f"fails {step}" for step in STEPS), "has a retry", "still at work", "at work, with a retry"],
)
def test_payment_that_is_owed_is_held_only_where_a_job_gives_credits_back(
    scene: Scene, service: Persona, step: str, ends: str, retries: int, state: str, held: str
) -> None:
    """Nor does what this user owes stop the job of another one, which fails in each case."""
    owing = names(USERS["read committed"])
    make_scenery(scene, USERS["read committed"], ("two are refunded",))
    expire(scene, service, [ALICES], max_retries=0)
    worker, sweeper, other = (scene.join(service) for _ in range(3))
    for passed in STEPS[: STEPS.index(step) + 1]:
        values = {**owing, "step": passed, "ends": ends, "retries": retries}
        assert worker.attempt(AT_WORK, values).rowcount == 1
    # Bob's worker answers still, in the last attempt; he owes nothing.
    renew = (
        "update public.jobs set lease_expires_at = now() + interval '1 hour', max_retries = 0 where id = %s"
    )
    assert worker.attempt(renew, [BOBS]).rowcount == 1
    worker.commit()
    assert reclaim(sweeper) == {ALICES: "FAILED", **({owing["large"]: state} if state else {})}
    look = other.attempt("select from public.payments where id = %(payment)s for update nowait", owing)
    assert look.sqlstate == held
