"""For each CHECK constraint of the eight tables: rows that violate it, rows at the last value inside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.shared.rows import ALICE
from tests.tables.check_kinds import (
    Case,
    document,
    json_text,
    not_negative,
    number,
    one_of,
    own_path,
    plain,
    text,
    web,
)

# A job and a payment without ledger entries.
JOB = "a11ce000-0000-4000-8000-000000000101"
PAYMENT = "a11ce000-0000-4000-8000-000000000201"
OLD, LATER, LATEST = "2025-01-01 00:00+00", "2025-01-02 00:00+00", "2025-01-03 00:00+00"

# A row of each table that violates nothing. The cases change some of its columns.
ROWS: dict[str, Mapping[str, Any]] = {
    "users": {"id": "ca201000-0000-4000-8000-000000000009"},
    "credit_packages": {"name": "Case", "credits": 1, "price_thb": 1},
    "jobs": {"user_id": ALICE, "created_at": OLD},
    "payments": {"user_id": ALICE, "provider": "MANUAL", "amount_thb": 1, "credits_purchased": 1},
    "credit_transactions": {"user_id": ALICE, "type": "BONUS", "amount": 1, "balance_after": 1},
    "user_preferences": {"user_id": "ca201000-0000-4000-8000-000000000009"},
    "webhook_logs": {"provider": "case", "event_id": "case", "event_type": "case"},
    "api_usage_logs": {"api_provider": "case"},
}


_QUEUED = {"status": "QUEUED", "queued_at": LATER}
_BEGUN = {"status": "TRANSCRIBING", "queued_at": LATER, "started_at": LATER, "lease_expires_at": LATEST}
_DONE = {"status": "COMPLETED", "progress_percentage": 100, "completed_at": LATEST}
_PAID = {"status": "COMPLETED", "paid_at": LATER}
_BACK = {"status": "REFUNDED", "paid_at": LATER, "refunded_at": LATEST}
_USAGE = {"type": "USAGE", "amount": -1, "job_id": JOB}
_REFUND = {"type": "REFUND", "job_id": JOB}
_PURCHASE = {"type": "PURCHASE", "payment_id": PAYMENT}
_METADATA = json_text("payments", "metadata", at_most=16384)
_SHORTFALLS = {digits: {"metadata": f'{{"shortfall": {"1" * digits}}}'} for digits in (20, 21)}
_CLAW_BACK = {"type": "ADJUSTMENT", "amount": -1, "payment_id": PAYMENT}

CASES: dict[str, Case] = {
    "users_email_is_short": text("users", "email", at_most=320),
    "users_full_name_is_short": text("users", "full_name", at_most=200),
    "users_avatar_url_is_short": Case(
        table="users",
        bad=({"avatar_url": f"https://{'x' * 2041}"},),
        good=({"avatar_url": f"https://{'x' * 2040}"}, {"avatar_url": None}),
    ),
    "users_avatar_url_is_web": web("users", "avatar_url"),
    "users_full_name_is_plain": plain("users", "full_name"),
    "users_credits_not_negative": not_negative("users", "credits"),
    "users_total_purchased_not_negative": not_negative("users", "total_credits_purchased"),
    "users_total_used_not_negative": not_negative("users", "total_credits_used"),
    "users_tier_is_known": one_of("users", "subscription_tier", "free", "basic", "pro", "enterprise"),
    "credit_packages_name_in_bounds": text("credit_packages", "name", at_least=1, at_most=100),
    "credit_packages_name_is_plain": plain("credit_packages", "name"),
    "credit_packages_description_is_short": text("credit_packages", "description", at_most=1000),
    "credit_packages_credits_in_range": number("credit_packages", "credits", low=1, high=100000),
    "credit_packages_price_in_range": number("credit_packages", "price_thb", low=0, high=1000000, step=0.01),
    "credit_packages_discount_in_range": number("credit_packages", "discount_percentage", low=0, high=100),
    "credit_packages_metadata_is_small_object": json_text("credit_packages", "metadata", at_most=16384),
    "jobs_name_in_bounds": text("jobs", "job_name", at_least=1, at_most=200),
    "jobs_name_is_plain": plain("jobs", "job_name"),
    "jobs_priority_in_range": number("jobs", "priority", low=-100, high=100),
    "jobs_progress_in_range": number("jobs", "progress_percentage", low=0, high=100),
    "jobs_current_step_is_short": text("jobs", "current_step", at_most=200),
    "jobs_input_path_is_own": own_path("input_video_path"),
    "jobs_output_path_is_own": own_path("output_video_path"),
    "jobs_thumbnail_path_is_own": own_path("thumbnail_path"),
    **{
        f"jobs_{name}_in_range": number("jobs", column, low=0, high=1000000, step=step)
        for name, column, step in (
            ("input_duration", "input_duration_seconds", 0.001),
            ("output_duration", "output_duration_seconds", 0.001),
            ("input_size", "input_file_size_mb", 0.01),
            ("output_size", "output_file_size_mb", 0.01),
        )
    },
    "jobs_resolution_is_short": text("jobs", "video_resolution", at_most=20),
    **{
        f"jobs_{name}_is_document": Case(
            table="jobs",
            bad=tuple({f"{name}_json": text} for text in ("null", '"text"', "1", "true")),
            good=tuple({f"{name}_json": text} for text in ("{}", "[]", None)),
        )
        for name in ("transcription", "analysis")
    },
    "jobs_transcription_is_bounded": document("jobs", "transcription_json", at_most=8388608),
    "jobs_analysis_is_bounded": document("jobs", "analysis_json", at_most=8388608),
    "jobs_prediction_id_is_short": text("jobs", "replicate_prediction_id", at_least=1, at_most=200),
    "jobs_error_message_is_short": text("jobs", "error_message", at_most=4000),
    # Below 0, jobs_retries_within_limit refuses too.
    "jobs_max_retries_in_range": Case(
        table="jobs", bad=({"max_retries": 11},), good=({"max_retries": 0}, {"max_retries": 10})
    ),
    "jobs_retries_within_limit": Case(
        table="jobs",
        bad=({"retry_count": 4}, {"retry_count": -1}, {"retry_count": 1, "max_retries": 0}),
        good=({"retry_count": 3}, {"retry_count": 0}, {"retry_count": 10, "max_retries": 10}),
    ),
    "jobs_cost_in_range": number("jobs", "credits_cost", low=1, high=1000),
    "jobs_client_request_is_short": text("jobs", "client_request_id", at_least=1, at_most=100),
    "jobs_worker_is_short": text("jobs", "worker_id", at_least=1, at_most=200),
    "jobs_at_work_has_lease": Case(
        table="jobs",
        bad=tuple(
            {"status": status, "lease_expires_at": lease}
            for status in ("TRANSCRIBING", "ANALYZING", "RENDERING")
            for lease in (None, "infinity", "-infinity")
        ),
        good=(_QUEUED, _BEGUN, _BEGUN | {"status": "ANALYZING"}, _BEGUN | {"status": "RENDERING"}, _DONE),
    ),
    "jobs_terminal_has_completion": Case(
        table="jobs",
        bad=(
            _DONE | {"completed_at": None},
            {"status": "FAILED"},
            {"status": "CANCELLED"},
            {"completed_at": LATER},
        ),
        good=(_DONE, _DONE | {"status": "FAILED"}, _DONE | {"status": "CANCELLED"}, {"completed_at": None}),
    ),
    "jobs_completed_is_whole": Case(
        table="jobs",
        bad=(_DONE | {"progress_percentage": 99},),
        good=(_DONE, _DONE | {"status": "FAILED", "progress_percentage": 99}),
    ),
    "jobs_times_in_order": Case(
        table="jobs",
        bad=(
            *({"queued_at": "2024-12-31 23:59:59.999999+00"}, _BEGUN | {"queued_at": LATEST}),
            *(
                _DONE | {"queued_at": LATER, "started_at": LATEST, "completed_at": LATER},
                _DONE | {"completed_at": "2024-12-31"},
            ),
            _DONE | {"queued_at": LATEST, "completed_at": LATER},
            _DONE | {"started_at": "2024-12-31"},
        ),
        good=(
            *({"queued_at": OLD}, _BEGUN, _DONE | {"completed_at": OLD}),
            *(_DONE | {"queued_at": LATEST}, _DONE | {"queued_at": LATER, "started_at": LATEST}),
            _DONE | {"started_at": OLD},
        ),
    ),
    "payments_package_unless_manual": Case(
        table="payments",
        bad=tuple({"provider": provider} for provider in ("STRIPE", "PROMPTPAY", "TRUEMONEY")),
        good=({"provider": "STRIPE", "package_id": JOB}, {"package_id": None}),
    ),
    "payments_transaction_id_is_short": text("payments", "provider_transaction_id", at_least=1, at_most=255),
    "payments_paid_has_transaction": Case(
        table="payments",
        bad=tuple(paid | {"provider": "STRIPE", "package_id": JOB} for paid in (_PAID, _BACK)),
        good=(
            _PAID,
            _BACK,
            _PAID | {"provider": "STRIPE", "package_id": JOB, "provider_transaction_id": "pi"},
        ),
    ),
    "payments_amount_in_range": number("payments", "amount_thb", low=0, high=1000000, step=0.01),
    "payments_credits_in_range": number("payments", "credits_purchased", low=1, high=100000),
    "payments_method_is_short": text("payments", "payment_method", at_most=100),
    # The shortfall that a claw-back writes does not count, and is short itself.
    "payments_metadata_is_small_object": Case(
        table="payments",
        bad=(*_METADATA.bad, _SHORTFALLS[21]),
        good=(*_METADATA.good, _SHORTFALLS[20]),
    ),
    "payments_paid_at_when_paid": Case(
        table="payments",
        bad=(_PAID | {"paid_at": None}, _BACK | {"paid_at": None}, {"paid_at": LATER}),
        good=(_PAID, _BACK, {"status": "FAILED"}),
    ),
    "payments_refunded_at_when_refunded": Case(
        table="payments",
        bad=(_BACK | {"refunded_at": None}, _PAID | {"refunded_at": LATEST}),
        good=(_BACK, _PAID),
    ),
    "credit_transactions_sign_follows_type": Case(
        table="credit_transactions",
        bad=(
            *({"amount": 0}, {"amount": -1}, _USAGE | {"amount": 1}, _USAGE | {"amount": 0}),
            *(
                _REFUND | {"amount": -1},
                _REFUND | {"amount": 0},
                _PURCHASE | {"amount": -1},
                _PURCHASE | {"amount": 0},
            ),
            {"type": "ADJUSTMENT", "amount": 0},
        ),
        good=(
            *({"amount": 1}, _USAGE, _REFUND, _PURCHASE),
            *({"type": "ADJUSTMENT", "amount": -1}, {"type": "ADJUSTMENT", "amount": 1}),
        ),
    ),
    "credit_transactions_balance_not_negative": not_negative("credit_transactions", "balance_after"),
    "credit_transactions_job_when_used": Case(
        table="credit_transactions",
        bad=(
            _USAGE | {"job_id": None},
            _REFUND | {"job_id": None},
            {"job_id": JOB},
            _PURCHASE | {"job_id": JOB},
        ),
        good=(_USAGE, _REFUND, {"job_id": None}),
    ),
    "credit_transactions_payment_when_paid": Case(
        table="credit_transactions",
        bad=(
            *(_PURCHASE | {"payment_id": None}, _CLAW_BACK | {"amount": 1}, {"payment_id": PAYMENT}),
            *(_USAGE | {"payment_id": PAYMENT}, _REFUND | {"payment_id": PAYMENT}),
        ),
        good=(_PURCHASE, _CLAW_BACK, _CLAW_BACK | {"payment_id": None}),
    ),
    "credit_transactions_key_is_short": text(
        "credit_transactions", "idempotency_key", at_least=1, at_most=200
    ),
    "credit_transactions_description_is_short": text("credit_transactions", "description", at_most=500),
    "credit_transactions_metadata_is_small_object": json_text(
        "credit_transactions", "metadata", at_most=16384
    ),
    "user_preferences_aspect_ratio_is_known": one_of(
        "user_preferences", "default_aspect_ratio", "9:16", "16:9", "1:1", "4:5"
    ),
    "user_preferences_subtitle_style_is_known": one_of(
        "user_preferences", "default_subtitle_style", "standard", "highlight", "animated"
    ),
    "user_preferences_theme_is_known": one_of("user_preferences", "theme", "light", "dark", "auto"),
    "user_preferences_language_is_known": one_of("user_preferences", "language", "th", "en"),
    "user_preferences_json_is_small_object": json_text("user_preferences", "preferences_json", at_most=16384),
    "webhook_logs_provider_in_bounds": text("webhook_logs", "provider", at_least=1, at_most=50),
    "webhook_logs_event_id_in_bounds": text("webhook_logs", "event_id", at_least=1, at_most=255),
    "webhook_logs_event_type_in_bounds": text("webhook_logs", "event_type", at_least=1, at_most=100),
    "webhook_logs_payload_is_bounded": json_text("webhook_logs", "payload", at_most=1048576, arrays=True),
    "webhook_logs_headers_is_small_object": json_text("webhook_logs", "headers", at_most=65536),
    "webhook_logs_processed_has_time": Case(
        table="webhook_logs",
        bad=({"processed": True}, {"processed_at": LATER}),
        good=({"processed": True, "processed_at": LATER}, {"processed": False}),
    ),
    "webhook_logs_error_message_is_short": text("webhook_logs", "error_message", at_most=4000),
    "api_usage_logs_provider_in_bounds": text("api_usage_logs", "api_provider", at_least=1, at_most=50),
    "api_usage_logs_endpoint_is_short": text("api_usage_logs", "api_endpoint", at_most=500),
    "api_usage_logs_tokens_not_negative": not_negative("api_usage_logs", "tokens_used"),
    "api_usage_logs_time_in_range": number(
        "api_usage_logs", "processing_time_seconds", low=0, high=100000000, step=0.001
    ),
    "api_usage_logs_cost_in_range": number("api_usage_logs", "cost_usd", low=0, high=100000, step=0.000001),
    "api_usage_logs_request_is_small_object": json_text("api_usage_logs", "request_metadata", at_most=65536),
    "api_usage_logs_response_is_small_object": json_text(
        "api_usage_logs", "response_metadata", at_most=65536
    ),
}
