"""What a worker may do with the token of its attempt, and that nobody does anything without it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pgassay.database import Session
from pgassay.observation import Persona
from tests.shared.accounts import ALICE, ALICE_JOBS, BOB, move_job, read_books, read_job

RENDERING, BOBS_RENDERING = ALICE_JOBS["RENDERING"], f"{BOB[:-3]}106"
OUTPUT = f"{ALICE}/out.mp4"
HEARTBEAT = "select public.heartbeat_job(%s, %s) as done"
COMPLETE = f"select public.complete_job(%s, %s, '{OUTPUT}') as done"
FAIL = "select public.fail_job(%s, %s, 'broken', false) as done"
RETRY = "select public.fail_job(%s, %s, 'broken') as done"
CALLS = [HEARTBEAT, COMPLETE, FAIL, RETRY]
NAMES = ["heartbeat", "complete", "fail", "retry"]
HOUR = timedelta(hours=1)
CLAIM = "select * from public.claim_next_jobs('worker-1', 1, '1 hour')"


def token_of(session: Session, job: str) -> Any:
    return read_job(session, job)["attempt_token"]


def do(session: Session, call: str, job: Any, token: Any) -> bool:
    return bool(session.value(call, [job, token]))


def everything(session: Session) -> Any:
    jobs = session.execute("select to_jsonb(j) as row from public.jobs as j order by id").rows
    return jobs, read_books(session, ALICE), read_books(session, BOB)


def test_each_attempt_has_a_token_of_its_own_and_only_while_it_lasts(backend: Session) -> None:
    job, tokens = ALICE_JOBS["QUEUED"], []
    move_job(backend, f"{BOB[:-3]}103", "CANCELLED")
    assert token_of(backend, job) is None
    for _ in range(2):
        (claimed,) = backend.execute(CLAIM).rows
        tokens.append(claimed["attempt_token"])
        move_job(backend, job, "ANALYZING")
        assert (tokens[-1] is None, token_of(backend, job)) == (False, tokens[-1])
        move_job(backend, job, "QUEUED")
        assert token_of(backend, job) is None
        backend.execute("update public.jobs set next_attempt_at = null where id = %s", [job])
    assert tokens[0] != tokens[1]


@pytest.mark.parametrize("end", ["COMPLETED", "FAILED", "CANCELLED"])
def test_token_ends_with_the_job(backend: Session, end: str) -> None:
    token = token_of(backend, RENDERING)
    move_job(backend, RENDERING, end)
    assert (token is None, token_of(backend, RENDERING)) == (False, None)
    before = everything(backend)
    assert [do(backend, call, RENDERING, token) for call in CALLS] == [False] * 4
    assert everything(backend) == before


def test_nobody_writes_a_token(backend: Session) -> None:
    forge = "update public.jobs set attempt_token = gen_random_uuid() where id = %s"
    for job in (RENDERING, ALICE_JOBS["QUEUED"], ALICE_JOBS["COMPLETED"]):
        before = token_of(backend, job)
        assert backend.execute(forge, [job]).rowcount == 1
        assert token_of(backend, job) == before


@pytest.mark.parametrize("call", CALLS, ids=NAMES)
@pytest.mark.parametrize("wrong", ["stale", "foreign", "null token", "null job", "made up", "swapped"])
def test_call_without_the_right_token_changes_nothing(backend: Session, call: str, wrong: str) -> None:
    stale = token_of(backend, RENDERING)
    move_job(backend, RENDERING, "QUEUED", "TRANSCRIBING", "ANALYZING", "RENDERING")
    current = token_of(backend, RENDERING)
    job, token = {
        "stale": (RENDERING, stale),
        "foreign": (RENDERING, token_of(backend, BOBS_RENDERING)),
        "null token": (ALICE_JOBS["QUEUED"], None),
        "null job": (None, current),
        "made up": (RENDERING, ALICE),
        "swapped": (BOBS_RENDERING, current),
    }[wrong]
    before = everything(backend)
    assert do(backend, call, job, token) is False
    assert everything(backend) == before
    assert do(backend, call, RENDERING, current) is True
    assert everything(backend) != before


def test_heartbeat_renews_the_lease_and_keeps_what_it_does_not_name(backend: Session) -> None:
    backend.execute("update public.jobs set current_step = 'cutting' where id = %s", [RENDERING])
    before, now = read_job(backend, RENDERING), backend.value("select statement_timestamp()")
    assert do(backend, HEARTBEAT, RENDERING, before["attempt_token"])
    after = read_job(backend, RENDERING)
    assert timedelta() <= after.pop("lease_expires_at") - timedelta(minutes=15) - now < timedelta(minutes=1)
    changed = ("lease_expires_at", "updated_at")
    assert {n: v for n, v in after.items() if n not in changed} == {
        n: v for n, v in before.items() if n not in changed
    }


def test_heartbeat_says_how_far_it_is(backend: Session) -> None:
    job = ALICE_JOBS["TRANSCRIBING"]
    call = "select public.heartbeat_job(%s, %s, '1 hour', 'ANALYZING', 42, 'listening')"
    assert backend.value(call, [job, token_of(backend, job)]) is True
    after = read_job(backend, job)
    found = (after["status"], after["progress_percentage"], after["current_step"])
    assert found == ("ANALYZING", 42, "listening")
    assert after["lease_expires_at"] - backend.value("select statement_timestamp()") < HOUR


@pytest.mark.parametrize(
    ("arguments", "sqlstate"),
    [
        ("'1 second'", ""),
        ("'1 day'", ""),
        ("'0.999 seconds'", "22023"),
        ("'1 day 1 second'", "22023"),
        ("null", "22023"),
        ("'1 hour', 'RENDERING'", ""),
        ("'1 hour', 'TRANSCRIBING'", "PT409"),
        *((f"'1 hour', '{status}'", "22023") for status in ("COMPLETED", "FAILED", "CANCELLED", "QUEUED")),
        *((f"'1 hour', '{status}'", "22023") for status in ("PENDING", "UPLOADING")),
        ("'1 hour', null, 59", "PT409"),
        ("'1 hour', null, 100", ""),
        ("'1 hour', null, 101", "23514"),
        ("'1 hour', null, null, repeat('x', 201)", "23514"),
    ],
)
def test_heartbeat_ends_no_job_and_has_limits(backend: Session, arguments: str, sqlstate: str) -> None:
    before = everything(backend)
    tried = backend.attempt(
        f"select public.heartbeat_job(%s, %s, {arguments})", [RENDERING, token_of(backend, RENDERING)]
    )
    assert tried.sqlstate == sqlstate
    assert (everything(backend) == before) == bool(sqlstate)


def test_second_completion_changes_nothing(backend: Session) -> None:
    token = token_of(backend, RENDERING)
    call = f"select public.complete_job(%s, %s, '{OUTPUT}', '{ALICE}/t.webp', 12.5, 3.25) as done"
    assert backend.value(call, [RENDERING, token]) is True
    after = read_job(backend, RENDERING)
    assert (after["status"], after["progress_percentage"]) == ("COMPLETED", 100)
    assert (after["output_video_path"], after["thumbnail_path"]) == (OUTPUT, f"{ALICE}/t.webp")
    assert (float(after["output_duration_seconds"]), float(after["output_file_size_mb"])) == (12.5, 3.25)
    before = everything(backend)
    again = f"select public.complete_job(%s, %s, '{ALICE}/other.mp4') as done"
    assert backend.value(again, [RENDERING, token]) is False
    assert everything(backend) == before


@pytest.mark.parametrize("job", [ALICE_JOBS["TRANSCRIBING"], ALICE_JOBS["ANALYZING"]])
def test_job_is_completed_only_from_its_last_stage(backend: Session, job: str) -> None:
    before = everything(backend)
    assert backend.attempt(COMPLETE, [job, token_of(backend, job)]).sqlstate == "PT409"
    assert everything(backend) == before


@pytest.mark.parametrize(
    ("path", "sqlstate"), [(None, "PT409"), (f"{BOB}/out.mp4", "23514"), ("", "23514"), (OUTPUT, "")]
)
def test_job_is_not_complete_without_a_result_of_its_owners(
    backend: Session, path: str | None, sqlstate: str
) -> None:
    before = everything(backend)
    call = "select public.complete_job(%s, %s, %s) as done"
    assert backend.attempt(call, [RENDERING, token_of(backend, RENDERING), path]).sqlstate == sqlstate
    assert (everything(backend) == before) == bool(sqlstate)


def test_failure_is_tried_again_while_there_are_retries_then_refunded_once(backend: Session) -> None:
    books = read_books(backend, ALICE)
    backend.execute("update public.jobs set max_retries = 1 where id = %s", [RENDERING])
    prediction = read_job(backend, RENDERING)["replicate_prediction_id"]
    assert do(backend, RETRY, RENDERING, token_of(backend, RENDERING))
    after = read_job(backend, RENDERING)
    assert (after["status"], after["retry_count"], prediction is None) == ("QUEUED", 1, False)
    assert (after["replicate_prediction_id"], after["error_message"]) == (None, None)
    assert read_books(backend, ALICE) == books
    move_job(backend, RENDERING, "TRANSCRIBING")
    assert do(backend, RETRY, RENDERING, token_of(backend, RENDERING))
    after = read_job(backend, RENDERING)
    assert (after["status"], after["error_message"]) == ("FAILED", "broken")
    assert read_books(backend, ALICE).since(books) == [("REFUND", 1, books.credits + 1)]


@pytest.mark.parametrize("retry", ["false", "null"])
def test_failure_that_is_final_is_refunded_whatever_retries_are_left(backend: Session, retry: str) -> None:
    books = read_books(backend, ALICE)
    call = f"select public.fail_job(%s, %s, repeat('x', 5000), {retry})"
    assert backend.value(call, [RENDERING, token_of(backend, RENDERING)]) is True
    after = read_job(backend, RENDERING)
    assert (after["status"], after["error_message"]) == ("FAILED", "x" * 4000)
    assert read_books(backend, ALICE).since(books) == [("REFUND", 1, books.credits + 1)]


@pytest.mark.parametrize("end", ["FAILED", "CANCELLED"])
def test_what_was_refunded_keeps_nothing_that_was_made(backend: Session, alice: Persona, end: str) -> None:
    made = ("transcription_json", "analysis_json", "output_video_path", "thumbnail_path")
    late = f"""
        update public.jobs set transcription_json = '{{}}', analysis_json = '[]',
            output_video_path = '{OUTPUT}', thumbnail_path = '{ALICE}/t.webp' where id = %s
    """
    assert backend.execute(late, [RENDERING]).rowcount == 1
    assert None not in [read_job(backend, RENDERING)[name] for name in made]
    move_job(backend, RENDERING, end)
    assert [read_job(backend, RENDERING)[name] for name in made] == [None] * 4
    # A worker that comes back late writes without its token.
    assert backend.execute(late, [RENDERING]).rowcount == 1
    with backend.act_as(alice):
        (row,) = backend.execute("select * from public.jobs where id = %s", [RENDERING]).rows
    assert [row[name] for name in made] == [None] * 4


def test_completed_job_keeps_its_transcript(backend: Session) -> None:
    assert do(backend, COMPLETE, RENDERING, token_of(backend, RENDERING))
    after = read_job(backend, RENDERING)
    assert (after["transcription_json"], after["analysis_json"]) == ({"text": "private"}, {"cuts": []})


def test_completion_keeps_what_the_worker_wrote_before(backend: Session) -> None:
    told = {
        "thumbnail_path": f"{ALICE}/t.webp", "output_duration_seconds": 12.5, "output_file_size_mb": 3.25
    }  # fmt: skip
    write = ", ".join(f"{name} = %({name})s" for name in told)
    backend.execute(f"update public.jobs set {write} where id = %(job)s", {**told, "job": RENDERING})
    assert do(backend, COMPLETE, RENDERING, token_of(backend, RENDERING))
    row = read_job(backend, RENDERING)
    assert {name: row[name] for name in told} == told
