"""What never changes in a job, progress that never falls, and times that only the trigger writes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pgassay.database import Session
from pgassay.observation import Outcome
from tests.shared.accounts import (
    ALICE,
    ALICE_JOBS,
    BOB,
    STATES,
    move_job,
    read_job,
    tell_changes,
    triggers_asleep,
)

SEND_TIMES = """
    update public.jobs
    set created_at = %(sent)s, queued_at = %(sent)s, started_at = %(sent)s, completed_at = %(sent)s,
        updated_at = %(sent)s"""


@pytest.mark.parametrize(("column", "value"), [("id", ALICE), ("user_id", BOB)])
@pytest.mark.parametrize("status", STATES)
def test_id_and_owner_of_a_job_never_change(backend: Session, status: str, column: str, value: str) -> None:
    job = ALICE_JOBS[status]
    query = f"update public.jobs set {column} = %s where id = %s"
    tried = backend.attempt(query, [value, job])
    assert (tried.outcome, tried.sqlstate) == (Outcome.REJECTED, "PT409")
    assert backend.attempt(query, [read_job(backend, job)[column], job]).outcome is Outcome.ALLOWED


@pytest.mark.parametrize("status", STATES)
def test_cost_is_frozen_once_a_job_is_queued(backend: Session, status: str) -> None:
    tried = backend.attempt(
        "update public.jobs set credits_cost = 2 where id = %s returning credits_cost", [ALICE_JOBS[status]]
    )
    if status in ("PENDING", "UPLOADING"):
        assert tried.rows == [{"credits_cost": 2}]
    else:
        assert (tried.outcome, tried.sqlstate) == (Outcome.REJECTED, "PT409")


def test_cost_can_be_set_with_the_video_in_the_statement_that_queues(backend: Session) -> None:
    queue = """
        update public.jobs set status = 'QUEUED', credits_cost = 2, input_video_path = user_id || '/other.mp4'
        where id = %s returning credits_cost
    """
    assert backend.attempt(queue, [ALICE_JOBS["PENDING"]]).rows == [{"credits_cost": 2}]
    spent = "select amount from public.credit_transactions where job_id = %s"
    assert backend.value(spent, [ALICE_JOBS["PENDING"]]) == -2


def test_video_of_a_queued_job_goes_when_it_is_over_and_not_as_it_ends(backend: Session) -> None:
    job, take = ALICE_JOBS["QUEUED"], "update public.jobs set {} input_video_path = null where id = %s"
    assert backend.attempt(take.format("status = 'CANCELLED',"), [job]).sqlstate == "PT409"
    move_job(backend, job, "CANCELLED")
    assert backend.attempt(take.format(""), [job]).rowcount == 1


@pytest.mark.parametrize(
    ("assignment", "sqlstate"),
    [
        ("progress_percentage = 59", "PT409"),
        ("progress_percentage = 60", ""),
        ("progress_percentage = 61", ""),
        ("progress_percentage = 59, status = 'FAILED'", "PT409"),
        ("progress_percentage = 59, status = 'QUEUED'", ""),
    ],
)
def test_progress_never_falls_within_an_attempt(backend: Session, assignment: str, sqlstate: str) -> None:
    job = ALICE_JOBS["RENDERING"]
    assert read_job(backend, job)["progress_percentage"] == 60
    assert backend.attempt(f"update public.jobs set {assignment} where id = %s", [job]).sqlstate == sqlstate


@pytest.mark.parametrize("sent", [60, 99])
def test_completed_job_has_progress_100(backend: Session, sent: int) -> None:
    job = ALICE_JOBS["RENDERING"]
    backend.execute(
        "update public.jobs set status = 'COMPLETED', progress_percentage = %s,"
        " output_video_path = user_id || '/out.mp4' where id = %s",
        [sent, job],
    )
    assert read_job(backend, job)["progress_percentage"] == 100


@pytest.mark.parametrize("status", ["PENDING", "UPLOADING", "QUEUED"])
def test_times_sent_with_a_new_job_are_ignored(backend: Session, status: str) -> None:
    sent = datetime(2001, 2, 3, tzinfo=UTC)
    earliest = backend.value("select clock_timestamp()")
    query = """
        insert into public.jobs (
            user_id, status, input_video_path, created_at, updated_at, queued_at, started_at, completed_at,
            path_changes
        )
        values (
            %(user)s, %(status)s, %(path)s, %(sent)s, %(sent)s, %(sent)s, %(sent)s, %(sent)s, -9
        )
        returning *
    """
    values = {"user": BOB, "sent": sent, "status": status, "path": f"{BOB}/in.mp4"}
    job = backend.execute(query, values).rows[0]
    assert earliest <= job["created_at"] == job["updated_at"]
    queued = job["created_at"] if status == "QUEUED" else None
    assert (job["queued_at"], job["started_at"], job["completed_at"]) == (queued, None, None)
    assert job["path_changes"] == 0


@pytest.mark.parametrize("status", STATES)
def test_times_sent_with_an_update_are_ignored(backend: Session, status: str) -> None:
    job, sent = ALICE_JOBS[status], datetime(2001, 2, 3, tzinfo=UTC)
    before = read_job(backend, job)
    query = f"{SEND_TIMES}, job_name = 'Renamed' where id = %(job)s"
    assert backend.execute(query, {"job": job, "sent": sent}).rowcount == 1
    after = read_job(backend, job)
    assert (after["job_name"], tell_changes(before, after)) == ("Renamed", {})
    assert after["updated_at"] > before["updated_at"]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *[
            (f"{event}_at", datetime(2001, 2, 3, tzinfo=UTC))
            for event in ("created", "queued", "started", "completed")
        ],
        ("attempt_token", BOB),
        ("path_changes", 3),
    ],
)
def test_what_the_trigger_alone_writes_is_ignored_by_itself(
    backend: Session, column: str, value: object
) -> None:
    job = ALICE_JOBS["RENDERING"]
    before = read_job(backend, job)[column]
    query = f"update public.jobs set {column} = %s where id = %s"
    assert (backend.execute(query, [value, job]).rowcount, read_job(backend, job)[column]) == (1, before)


@pytest.mark.parametrize(
    ("start", "end", "column"),
    [
        ("PENDING", "QUEUED", "queued_at"),
        ("QUEUED", "TRANSCRIBING", "started_at"),
        ("RENDERING", "COMPLETED", "completed_at"),
    ],
)
def test_time_sent_with_a_transition_is_ignored(backend: Session, start: str, end: str, column: str) -> None:
    earliest = backend.value("select clock_timestamp()")
    query = (
        f"{SEND_TIMES}, status = %(status)s, output_video_path = user_id || '/out.mp4'"
        f" where id = %(job)s returning {column}"
    )
    sent = {"job": ALICE_JOBS[start], "sent": datetime(2100, 1, 1, tzinfo=UTC), "status": end}
    stamped = backend.value(query, sent)
    assert earliest <= stamped <= backend.value("select clock_timestamp()")


def test_stamps_stay_in_order_when_the_clock_was_set_back(backend: Session) -> None:
    job, future = ALICE_JOBS["QUEUED"], datetime(2100, 1, 1, tzinfo=UTC)
    with triggers_asleep(backend):
        backend.execute("update public.jobs set queued_at = %s where id = %s", [future, job])
    move_job(backend, job, "TRANSCRIBING", "FAILED")
    after = read_job(backend, job)
    assert (after["queued_at"], after["started_at"], after["completed_at"]) == (future, future, future)
