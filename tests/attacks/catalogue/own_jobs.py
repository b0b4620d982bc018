"""What a user tries on the states of a job of their own, and on its credits."""

from __future__ import annotations

from pgassay.denial import Guard
from pgassay.observation import Outcome
from tests.attacks.attack import ALICE, Attack, Control, Section, Written
from tests.attacks.catalogue.defences import (
    ADD,
    CHARGE_INSERTED,
    CHARGE_MOVED,
    EDIT,
    EDIT_CHECK,
    JOB_MOVE,
    JOB_START,
    constraint,
)
from tests.attacks.catalogue.own_rows import (
    BACKEND,
    CANCELLED,
    COMPLETED,
    FAILED,
    MY_JOB,
    NEW_JOB,
    PENDING,
    QUEUED,
    RENDERING,
    UPLOADING,
    hidden,
    rejected,
)

VIDEO = f"'{ALICE}/new.mp4'"
NO_CREDITS = (
    "select public.grant_credits(%(alice)s, -credits, 'ADJUSTMENT', '')"
    " from public.users where id = %(alice)s"
)


def start(status: str, *more: Guard) -> Attack:
    return rejected(
        status,
        f"insert into public.jobs (user_id, status) values (%(alice)s, '{status}')",
        "42501",
        JOB_START,
        ADD["jobs"],
        *more,
        of="start a job as",
        control=NEW_JOB,
    )


def move(job: str, was: str, status: str, outcome: str, *defences: Guard) -> Attack:
    name, sql = status, f"update public.jobs set status = '{status}' where id = {job}"
    of = f"move own {was} job to"
    if outcome == "hidden":
        control = MY_JOB if JOB_MOVE in defences else BACKEND
        return hidden(name, sql, *defences, control=control, of=of)
    if outcome == "policy":
        return Attack(
            name=name,
            by="alice",
            sql=sql,
            outcome=Outcome.DENIED_POLICY,
            sqlstate="42501",
            control=MY_JOB,
            defences=defences,
            of=of,
        )
    return rejected(name, sql, outcome, *defences, control=MY_JOB, of=of)


HAS_COMPLETION = constraint("jobs", "jobs_terminal_has_completion")
HAS_LEASE = constraint("jobs", "jobs_at_work_has_lease")
IS_WHOLE = constraint("jobs", "jobs_completed_is_whole")

STATES = Section(
    title="Own rows: the states of a job, and its credits",
    attacks=(
        *(start(status, HAS_LEASE) for status in ("TRANSCRIBING", "ANALYZING", "RENDERING")),
        start("COMPLETED", HAS_COMPLETION, IS_WHOLE),
        start("FAILED", HAS_COMPLETION),
        start("CANCELLED", HAS_COMPLETION),
        move(PENDING, "waiting", "FAILED", "policy", EDIT_CHECK["jobs"]),
        move(QUEUED, "queued", "FAILED", "policy", EDIT_CHECK["jobs"]),
        move(QUEUED, "queued", "TRANSCRIBING", "policy", EDIT_CHECK["jobs"]),
        move(PENDING, "waiting", "TRANSCRIBING", "42501", JOB_MOVE, EDIT_CHECK["jobs"], HAS_LEASE),
        move(
            PENDING, "waiting", "COMPLETED", "42501", JOB_MOVE, EDIT_CHECK["jobs"], HAS_COMPLETION, IS_WHOLE
        ),
        move(QUEUED, "queued", "COMPLETED", "42501", JOB_MOVE, EDIT_CHECK["jobs"], HAS_COMPLETION, IS_WHOLE),
        move(QUEUED, "queued", "PENDING", "PT409", JOB_MOVE),
        move(RENDERING, "rendering", "CANCELLED", "hidden", EDIT["jobs"]),
        move(RENDERING, "rendering", "FAILED", "hidden", EDIT["jobs"], EDIT_CHECK["jobs"]),
        move(COMPLETED, "completed", "FAILED", "hidden", EDIT["jobs"], JOB_MOVE, EDIT_CHECK["jobs"]),
        move(COMPLETED, "completed", "QUEUED", "hidden", EDIT["jobs"], JOB_MOVE, HAS_COMPLETION),
        move(FAILED, "failed", "QUEUED", "hidden", EDIT["jobs"], JOB_MOVE, HAS_COMPLETION),
        move(CANCELLED, "cancelled", "QUEUED", "hidden", EDIT["jobs"], JOB_MOVE, HAS_COMPLETION),
        hidden(
            "rename a job that is over",
            f"update public.jobs set job_name = 'A' where id = {COMPLETED}",
            EDIT["jobs"],
            EDIT_CHECK["jobs"],
        ),
        rejected(
            "start a queued job without credits",
            "insert into public.jobs (user_id, status, input_video_path)"
            f" values (%(alice)s, 'QUEUED', {VIDEO})",
            "PT402",
            CHARGE_INSERTED,
            control=NEW_JOB,
            prepare=(NO_CREDITS,),
        ),
        rejected(
            "queue a waiting job without credits",
            f"update public.jobs set status = 'QUEUED' where id = {PENDING}",
            "PT402",
            CHARGE_MOVED,
            control=MY_JOB,
            prepare=(NO_CREDITS,),
        ),
        rejected(
            "queue more jobs in one statement than there are credits",
            "insert into public.jobs (user_id, status, input_video_path)"
            f" select %(alice)s, 'QUEUED', {VIDEO} from generate_series(1, 100)",
            "PT402",
            CHARGE_INSERTED,
            control=NEW_JOB,
        ),
        rejected(
            "start a queued job without a video",
            "insert into public.jobs (user_id, status) values (%(alice)s, 'QUEUED')",
            "PT409",
            JOB_START,
            control=NEW_JOB,
        ),
        rejected(
            "queue a waiting job without a video",
            f"update public.jobs set status = 'QUEUED' where id = {PENDING}",
            "PT409",
            JOB_MOVE,
            control=MY_JOB,
            prepare=(f"update public.jobs set input_video_path = null where id = {PENDING}",),
        ),
        rejected(
            "queue a waiting job and take its video away",
            f"update public.jobs set status = 'QUEUED', input_video_path = null where id = {PENDING}",
            "PT409",
            JOB_MOVE,
            control=MY_JOB,
        ),
        rejected(
            "swap the video of a job that is queued",
            f"update public.jobs set input_video_path = {VIDEO} where id = {QUEUED}",
            "PT409",
            JOB_MOVE,
            control=Control(
                by="alice", sql=f"update public.jobs set input_video_path = {VIDEO} where id = {PENDING}"
            ),
        ),
        rejected(
            "point one job at ever more videos",
            f"update public.jobs set input_video_path = {VIDEO} where id = {PENDING}",
            "PT429",
            JOB_MOVE,
            control=Control(
                by="alice", sql=f"update public.jobs set input_video_path = {VIDEO} where id = {UPLOADING}"
            ),
            prepare=tuple(
                f"update public.jobs set input_video_path = '{ALICE}/{n}.mp4' where id = {PENDING}"
                for n in range(3)
            ),
        ),
        rejected(
            "start more jobs than a day allows, cancelling those before",
            "insert into public.jobs (user_id) values (%(alice)s)",
            "PT429",
            CHARGE_INSERTED,
            control=Control(by="bob", sql="insert into public.jobs (user_id) values (%(bob)s)"),
            prepare=(
                "alter table public.jobs disable trigger user",
                "insert into public.jobs (user_id, status, completed_at)"
                " select %(alice)s, 'CANCELLED', now() from generate_series(1, 191)",
                "alter table public.jobs enable trigger user",
            ),
        ),
        rejected(
            "queue a job from a suspended account",
            f"update public.jobs set status = 'QUEUED' where id = {PENDING}",
            "PT403",
            CHARGE_MOVED,
            control=MY_JOB,
            prepare=("update public.users set is_active = false where id = %(alice)s",),
        ),
        rejected(
            "start a job from a suspended account",
            "insert into public.jobs (user_id) values (%(alice)s)",
            "PT403",
            CHARGE_INSERTED,
            control=Control(by="bob", sql="insert into public.jobs (user_id) values (%(bob)s)"),
            prepare=("update public.users set is_active = false where id = %(alice)s",),
        ),
        rejected(
            "start the same job twice: a double click",
            "insert into public.jobs (user_id, client_request_id) values (%(alice)s, 'request-101')",
            "23505",
            constraint("jobs", "jobs_client_request_is_unique"),
            control=NEW_JOB,
        ),
        rejected(
            "start more unpaid jobs than are allowed",
            "insert into public.jobs (user_id) select %(alice)s from generate_series(1, 99)",
            "PT429",
            CHARGE_INSERTED,
            control=Control(
                by="alice",
                sql="insert into public.jobs (user_id) select %(alice)s from generate_series(1, 98)",
            ),
        ),
        Written(
            name="queue a job without credits and look what is left of it",
            by="alice",
            outcome="job, balance and ledger as they were",
            defence="the statement fails as a whole",
            test="test_deduction.py::test_job_that_cannot_be_paid_stays_as_it_was",
        ),
        Written(
            name="start too many jobs a day from two devices at once",
            by="alice",
            outcome="PT429, or 40001 from an older snapshot",
            defence="the user's row is locked before jobs are counted",
            test="test_filling_up.py::test_two_devices_at_once_start_no_more_than_one",
        ),
        Written(
            name="fill the bucket through one job, pointed at ever new paths",
            by="alice",
            outcome="four uploads, then PT429 and policy (42501)",
            defence="jobs.path_changes",
            test="test_filling_up.py::test_one_job_admits_four_uploads_and_no_more",
        ),
        Written(
            name="fill the bucket with videos of jobs that are cancelled at once",
            by="alice",
            outcome="listed for removal after a day",
            defence="objects_to_erase",
            test="test_filling_up.py::test_videos_of_cancelled_jobs_do_not_stay_for_ever",
        ),
        Written(
            name="read transcript and video of a job that was refunded",
            by="alice",
            outcome="null",
            defence="jobs_move empties them",
            test="test_refunded_results.py::test_job_that_was_refunded_keeps_no_result",
        ),
        Written(
            name="read the transcript of an attempt that failed, then cancel the job in the queue",
            by="alice",
            outcome="null",
            defence="jobs_move empties what is queued again",
            test="test_refunded_results.py::"
            "test_job_in_the_queue_again_shows_nothing_that_its_user_could_read_and_then_cancel",
        ),
        Written(
            name="hold the own row, so that nobody's dead jobs are reclaimed",
            by="alice",
            outcome="her own wait, those of others do not",
            defence="reclaim_expired_jobs skips locked users, before its limit",
            test="test_locked_rows.py::test_claim_and_reclaim_wait_for_no_client",
        ),
        Written(
            name="hold the own row with a thousand dead jobs first in line",
            by="alice",
            outcome="those of others are reclaimed",
            defence="reclaim_expired_jobs skips locked users, before its limit",
            test="test_locked_rows.py::test_jobs_that_must_wait_for_a_client_leave_room_for_those_of_others",
        ),
        Written(
            name="close the account while all its jobs are being cancelled",
            by="alice",
            outcome="one waits for the other, holding nothing",
            defence="close_account takes all locks at once or none",
            test="test_closing_races.py::test_closing_waits_for_whoever_holds_a_row_and_stands_in_nobodys_way",
        ),
        Written(
            name="come back to a closed account by signing up with its id",
            by="alice",
            outcome="closed, with a warning",
            defence="add_account; reopen_account is support's",
            test="test_users.py::test_sign_up_of_a_known_id_makes_no_second_row_and_reopens_nothing",
        ),
        Written(
            name="farm refunds: queue, cancel, queue again, cancel again",
            by="alice",
            outcome="one USAGE, one REFUND; then 0 rows",
            defence="policy, state machine, constraint credit_transactions_job_once",
            test="test_several_steps.py::test_refunds_cannot_be_farmed",
        ),
        Written(
            name="fail a waiting job for a refund that nobody paid",
            by="alice",
            outcome="policy (42501); by the backend: no entry",
            defence="settle_moved_jobs refunds what was charged",
            test="test_refund.py::test_job_that_was_never_charged_is_not_refunded",
        ),
        Written(
            name="queue one job from two devices at once",
            by="alice",
            outcome="one charge",
            defence="the row's lock, jobs_move",
            test="test_several_steps.py::test_one_job_queued_from_two_devices_is_charged_once",
        ),
    ),
)
