"""What the backend and its workers do to jobs by accident."""

from __future__ import annotations

from pgassay.denial import Guard, UniqueIndex
from tests.attacks.attack import Attack, Control, Section, Written
from tests.attacks.catalogue.defences import (
    JOB_MOVE,
    JOB_START,
    VALUES_CHECKED,
    constraint,
)
from tests.attacks.catalogue.service import (
    A_JOB,
    JOBS,
    rejected,
)


def move(was: str, status: str, *more: Guard, change: str = "") -> Attack:
    return rejected(
        f"{was} to {status}",
        f"update public.jobs set status = '{status}'{change} where id = {JOBS[was]}",
        "PT409",
        JOB_MOVE,
        *more,
        control=A_JOB,
        of="move a job from",
    )


WORKERS = Section(
    title="The backend: jobs",
    attacks=(
        *(
            rejected(
                status,
                f"insert into public.jobs (user_id, status{columns}) values (%(alice)s, '{status}'{values})",
                "PT409",
                JOB_START,
                control=Control(by="service", sql="insert into public.jobs (user_id) values (%(alice)s)"),
                of="start a job, unpaid, as",
            )
            for status, columns, values in (
                ("TRANSCRIBING", ", lease_expires_at", ", now()"),
                ("RENDERING", ", lease_expires_at", ", now()"),
                ("COMPLETED", ", progress_percentage, completed_at", ", 100, now()"),
                ("FAILED", ", completed_at", ", now()"),
            )
        ),
        move("FAILED", "COMPLETED", change=", progress_percentage = 100"),
        move("COMPLETED", "FAILED"),
        move("COMPLETED", "QUEUED", change=", completed_at = null"),
        move("FAILED", "QUEUED", change=", completed_at = null"),
        move("QUEUED", "COMPLETED", change=", progress_percentage = 100, completed_at = now()"),
        move("QUEUED", "RENDERING", change=", lease_expires_at = now()"),
        move("TRANSCRIBING", "COMPLETED", change=", progress_percentage = 100, completed_at = now()"),
        move("PENDING", "TRANSCRIBING", change=", lease_expires_at = now()"),
        rejected(
            "give a job to somebody else",
            f"update public.jobs set user_id = %(bob)s, input_video_path = null, client_request_id = null"
            f" where id = {JOBS['PENDING']}",
            "PT409",
            JOB_MOVE,
            control=A_JOB,
        ),
        rejected(
            "change the cost of a job that is paid",
            f"update public.jobs set credits_cost = 5 where id = {JOBS['QUEUED']}",
            "PT409",
            JOB_MOVE,
            control=A_JOB,
        ),
        rejected(
            "retry a job beyond its limit",
            f"update public.jobs set status = 'QUEUED' where id = {JOBS['RENDERING']}",
            "PT409",
            JOB_MOVE,
            control=A_JOB,
            prepare=(f"update public.jobs set retry_count = max_retries where id = {JOBS['RENDERING']}",),
        ),
        rejected(
            "let progress fall",
            f"update public.jobs set progress_percentage = 1 where id = {JOBS['RENDERING']}",
            "PT409",
            JOB_MOVE,
            control=A_JOB,
        ),
        rejected(
            "work without a lease",
            f"update public.jobs set lease_expires_at = null where id = {JOBS['RENDERING']}",
            "23514",
            constraint("jobs", "jobs_at_work_has_lease"),
            control=A_JOB,
        ),
        rejected(
            "put the result into another user's folder",
            "update public.jobs set output_video_path = 'b0b00000-0000-4000-8000-000000000002/x.mp4'"
            f" where id = {JOBS['RENDERING']}",
            "23514",
            VALUES_CHECKED,
            constraint="jobs_output_path_is_own",
            control=A_JOB,
        ),
        rejected(
            "put the thumbnail into another user's folder",
            "update public.jobs set thumbnail_path = 'b0b00000-0000-4000-8000-000000000002/x.webp'"
            f" where id = {JOBS['RENDERING']}",
            "23514",
            VALUES_CHECKED,
            constraint="jobs_thumbnail_path_is_own",
            control=A_JOB,
        ),
        rejected(
            "take one prediction for two jobs",
            "update public.jobs set replicate_prediction_id = (select replicate_prediction_id"
            f" from public.jobs where id = {JOBS['COMPLETED']}) where id = {JOBS['RENDERING']}",
            "23505",
            UniqueIndex(index="public.jobs_prediction_is_unique"),
            control=A_JOB,
        ),
        rejected(
            "store a transcript that is no document",
            f"update public.jobs set transcription_json = '1' where id = {JOBS['RENDERING']}",
            "23514",
            VALUES_CHECKED,
            constraint="jobs_transcription_is_document",
            control=A_JOB,
        ),
        Written(
            name="two workers claim at the same time",
            by="service",
            outcome="no job twice, nobody waits",
            defence="for no key update skip locked",
            test="test_workers_at_once.py::test_two_workers_never_wait_for_each_other_nor_share_a_job",
        ),
        Written(
            name="a worker comes back from the dead",
            by="service",
            outcome="0 rows",
            defence="each attempt has a token of its own",
            test="test_lost_leases.py::test_worker_back_from_the_dead_changes_no_row",
        ),
        Written(
            name="change a job with the token of an attempt that is over",
            by="service",
            outcome="false, nothing changed",
            defence="attempt_token",
            test="test_attempt_tokens.py::test_call_without_the_right_token_changes_nothing",
        ),
        Written(
            name="complete a job twice",
            by="service",
            outcome="false, nothing changed",
            defence="attempt_token ends with the job",
            test="test_attempt_tokens.py::test_second_completion_changes_nothing",
        ),
        Written(
            name="leave one job that can not be taken back among the expired",
            by="service",
            outcome="a warning; the others are taken back",
            defence="reclaim_expired_jobs tries each alone",
            test="test_reclaim_races.py::test_poisoned_job_stops_none_of_the_others",
        ),
        Written(
            name="fail a job that nobody paid for, for a refund",
            by="service",
            outcome="no entry in the ledger",
            defence="settle_moved_jobs refunds what was charged",
            test="test_refund.py::test_job_that_was_never_charged_is_not_refunded",
        ),
    ),
)
