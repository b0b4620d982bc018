"""What a user tries on rows of their own: money, states, sizes, paths."""

from __future__ import annotations

from pgassay.denial import Guard
from pgassay.observation import Outcome
from tests.attacks.attack import ALICE, Attack, Control, Section
from tests.attacks.catalogue.defences import (
    CLOSED,
    EDIT_CHECK,
    JOB_MOVE,
    VALUES_CHECKED,
    VIEW,
    constraint,
    no_grant,
)

PENDING, UPLOADING, QUEUED, RENDERING, COMPLETED, FAILED, CANCELLED = (
    f"'a11ce000-0000-4000-8000-000000000{number}'" for number in (101, 102, 103, 106, 107, 108, 109)
)
UNPAID = "'a11ce000-0000-4000-8000-000000000201'"

MY_NAME = Control(by="alice", sql="update public.users set full_name = 'A' where id = %(alice)s")
MY_JOB = Control(by="alice", sql=f"update public.jobs set job_name = 'A' where id = {PENDING}")
NEW_JOB = Control(by="alice", sql="insert into public.jobs (user_id, job_name) values (%(alice)s, 'A')")
MY_THEME = Control(
    by="alice", sql="update public.user_preferences set theme = 'light' where user_id = %(alice)s"
)
MY_LEDGER = Control(by="alice", sql="select * from public.credit_transactions where user_id = %(alice)s")
BACKEND = Control(by="service")
OWNER = Control(by="owner")


def denied(name: str, sql: str, *defences: Guard, control: Control, of: str = "") -> Attack:
    """Refused for want of a grant."""
    return Attack(
        name=name,
        by="alice",
        sql=sql,
        outcome=Outcome.DENIED_GRANT,
        sqlstate="42501",
        control=control,
        defences=defences,
        of=of,
    )


def rejected(
    name: str,
    sql: str,
    sqlstate: str,
    *defences: Guard,
    control: Control,
    prepare: tuple[str, ...] = (),
    of: str = "",
    constraint: str = "",
) -> Attack:
    """Refused by a constraint or a trigger."""
    return Attack(
        name=name,
        by="alice",
        prepare=prepare,
        sql=sql,
        outcome=Outcome.REJECTED,
        sqlstate=sqlstate,
        constraint=constraint,
        control=control,
        defences=defences,
        of=of,
    )


def hidden(name: str, sql: str, *defences: Guard, control: Control = BACKEND, of: str = "") -> Attack:
    """No row is touched, though it is the user's own."""
    return Attack(
        name=name,
        by="alice",
        sql=sql,
        outcome=Outcome.FILTERED,
        control=control,
        defences=defences,
        of=of,
    )


USER_VALUES = {
    "id": "gen_random_uuid()",
    "email": "'other@example.com'",
    "credits": "credits + 1000",
    "total_credits_purchased": "1000",
    "total_credits_used": "0",
    "subscription_tier": "'enterprise'",
    "subscription_expires_at": "'2099-01-01'",
    "is_active": "true",
    "last_login_at": "now()",
    "created_at": "'2020-01-01'",
    "updated_at": "'2020-01-01'",
    "deleted_at": "now()",
}
JOB_COLUMNS = {
    "id": "gen_random_uuid()",
    "priority": "100",
    "progress_percentage": "99",
    "current_step": "'done'",
    "output_video_path": f"'{ALICE}/out.mp4'",
    "thumbnail_path": f"'{ALICE}/out.webp'",
    "input_duration_seconds": "1",
    "output_duration_seconds": "1",
    "input_file_size_mb": "1",
    "output_file_size_mb": "1",
    "video_resolution": "'4K'",
    "transcription_json": "'{}'",
    "analysis_json": "'{}'",
    "replicate_prediction_id": "'mine'",
    "error_message": "'none'",
    "retry_count": "1",
    "max_retries": "10",
    "credits_cost": "2",
    "worker_id": "'me'",
    "attempt_token": "gen_random_uuid()",
    "turn_at": "'2020-01-01'",
    "path_changes": "0",
    "lease_expires_at": "now()",
    "next_attempt_at": "now()",
    "queued_at": "now()",
    "started_at": "now()",
    "completed_at": "null",
    "created_at": "now()",
    "updated_at": "now()",
}
# What the update of a column meets once its grant is given.
USER_MORE: dict[str, tuple[Guard, ...]] = {
    "id": (
        VIEW["users"],
        EDIT_CHECK["users"],
        *(
            constraint(table, f"{table}_user_id_fkey")
            for table in ("jobs", "payments", "credit_transactions", "user_preferences", "api_usage_logs")
        ),
    ),
    "deleted_at": CLOSED,
}
JOB_MORE: dict[str, tuple[Guard, ...]] = {"id": (JOB_MOVE,)}

COLUMNS = Section(
    title="Own rows: columns that are not the user's to write",
    attacks=(
        *(
            denied(
                column,
                f"update public.users set {column} = {value} where id = %(alice)s",
                no_grant("update", "users", column),
                *USER_MORE.get(column, ()),
                of="write own users",
                control=MY_NAME,
            )
            for column, value in USER_VALUES.items()
        ),
        *(
            denied(
                column,
                f"insert into public.jobs (user_id, {column}) values (%(alice)s, {value})",
                no_grant("insert", "jobs", column),
                of="start a job with a value for",
                control=NEW_JOB,
            )
            for column, value in JOB_COLUMNS.items()
        ),
        *(
            denied(
                column,
                f"update public.jobs set {column} = {value} where id = {PENDING}",
                no_grant("update", "jobs", column),
                *JOB_MORE.get(column, ()),
                of="write own jobs",
                control=MY_JOB,
            )
            for column, value in (JOB_COLUMNS | {"client_request_id": "'again'"}).items()
        ),
        *(
            denied(
                cost,
                f"insert into public.jobs (user_id, credits_cost) values (%(alice)s, {cost})",
                no_grant("insert", "jobs", "credits_cost"),
                VALUES_CHECKED,
                of="start a job at a cost of",
                control=NEW_JOB,
            )
            for cost in ("0", "-1000", "2147483647")
        ),
        *(
            denied(
                column,
                f"update public.user_preferences set {column} = now() where user_id = %(alice)s",
                no_grant("update", "user_preferences", column),
                of="write own user_preferences",
                control=MY_THEME,
            )
            for column in ("created_at", "updated_at")
        ),
        denied(
            "give own job to somebody else",
            f"update public.jobs set user_id = %(bob)s, input_video_path = null where id = {UPLOADING}",
            no_grant("update", "jobs", "user_id"),
            EDIT_CHECK["jobs"],
            JOB_MOVE,
            VIEW["jobs"],
            control=MY_JOB,
        ),
        Attack(
            name="give own preferences to somebody else",
            by="alice",
            sql="update public.user_preferences set user_id = %(bob)s where user_id = %(alice)s",
            outcome=Outcome.DENIED_POLICY,
            sqlstate="42501",
            defences=(
                EDIT_CHECK["user_preferences"],
                VIEW["user_preferences"],
                constraint("user_preferences", "user_preferences_pkey"),
            ),
            control=MY_THEME,
        ),
    ),
)
