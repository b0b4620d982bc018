"""One job from its upload to its end, with a retry, while its worker sends times that it has no say in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pgassay.database import Session
from tests.shared.accounts import add_job, open_account, read_books, read_job, tell_changes

AT_WORK = {"started_at": "set", "lease_expires_at": "set"}
RETRIED = {
    "queued_at": "moved",
    "started_at": "cleared",
    "lease_expires_at": "cleared",
    "next_attempt_at": "set",
}
ENDED = {"completed_at": "set", "lease_expires_at": "cleared"}
# Of each step: the progress that is sent with it; what becomes of the job's times; worker, step, progress
# and retries afterwards.
LIFE = [
    ("UPLOADING", 10, {}, ("me", "sent", 10, 0)),
    ("QUEUED", 20, {"queued_at": "set"}, ("me", "sent", 20, 0)),
    ("TRANSCRIBING", 30, AT_WORK, ("me", "sent", 30, 0)),
    ("ANALYZING", 40, {}, ("me", "sent", 40, 0)),
    ("QUEUED", 5, RETRIED, (None, None, 0, 1)),
    ("TRANSCRIBING", 6, AT_WORK | {"next_attempt_at": "cleared"}, ("me", "sent", 6, 1)),
    ("ANALYZING", 7, {}, ("me", "sent", 7, 1)),
    ("RENDERING", 8, {}, ("me", "sent", 8, 1)),
    ("COMPLETED", 9, ENDED, (None, "sent", 100, 1)),
]
STEP = """
    update public.jobs
    set status = %(status)s, worker_id = 'me', current_step = 'sent', progress_percentage = %(progress)s,
        credits_cost = case when status = 'UPLOADING' then 2 else credits_cost end,
        output_video_path = case when status = 'RENDERING' then user_id || '/out.mp4' end,
        created_at = %(sent)s, queued_at = %(sent)s, started_at = %(sent)s, completed_at = %(sent)s
    where id = %(job)s
"""


def test_life_of_a_job_is_as_its_states_tell_whatever_is_sent(backend: Session) -> None:
    erin = open_account(backend, "erin", credits=3)
    job = add_job(backend, erin.id)
    after = read_job(backend, job)
    for status, progress, changes, told in LIFE:
        before, earliest = after, backend.value("select clock_timestamp()")
        sent = {
            "job": job,
            "status": status,
            "progress": progress,
            "sent": datetime(2100, 1, 1, tzinfo=UTC),
        }
        assert backend.execute(STEP, sent).rowcount == 1
        after, latest = read_job(backend, job), backend.value("select clock_timestamp()")
        assert (status, tell_changes(before, after)) == (status, changes)
        found = [after[name] for name in ("worker_id", "current_step", "progress_percentage", "retry_count")]
        assert (status, tuple(found)) == (status, told)
        stamped = [after[name] for name in ("queued_at", "started_at", "completed_at") if name in changes]
        assert all(earliest <= moment <= latest for moment in stamped if moment)
        if "started_at" in changes and after["started_at"]:
            assert after["lease_expires_at"] - after["started_at"] == timedelta(minutes=15)
        if after["next_attempt_at"]:
            assert after["next_attempt_at"] - after["queued_at"] == timedelta(seconds=30)
    assert read_books(backend, erin.id).entries == [("BONUS", 3, 3), ("USAGE", -2, 1)]
