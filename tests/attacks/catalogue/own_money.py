"""What a user tries on payments and ledger entries of their own."""

from __future__ import annotations

from tests.attacks.attack import Section, Written
from tests.attacks.catalogue.defences import (
    APPEND_ONLY,
    PAYMENT_MOVE,
    no_grant,
    no_policy,
)
from tests.attacks.catalogue.own_rows import (
    BACKEND,
    MY_LEDGER,
    MY_NAME,
    OWNER,
    PENDING,
    UNPAID,
    USER_MORE,
    denied,
)

LEDGER_UPDATE = (
    no_grant("update", "credit_transactions", "amount"),
    no_policy("update", "credit_transactions"),
    APPEND_ONLY,
)

MONEY = Section(
    title="Own rows: payments and the ledger",
    attacks=(
        *(
            denied(
                table,
                f"delete from public.{table} where {row}",
                no_grant("delete", table),
                no_policy("delete", table),
                *more,
                of="delete own row of",
                control=control,
            )
            for table, row, more, control in (
                ("users", "id = %(alice)s", USER_MORE["id"][2:5], MY_NAME),
                ("jobs", f"id = {PENDING}", (), OWNER),
                ("payments", f"id = {UNPAID}", (), OWNER),
                ("user_preferences", "user_id = %(alice)s", (), OWNER),
                ("credit_transactions", "user_id = %(alice)s", (APPEND_ONLY,), MY_LEDGER),
            )
        ),
        denied(
            "buy credits by inserting a payment",
            "insert into public.payments (user_id, provider, amount_thb, credits_purchased, status)"
            " values (%(alice)s, 'MANUAL', 1, 100000, 'COMPLETED')",
            no_grant(
                "insert", "payments", "user_id", "provider", "amount_thb", "credits_purchased", "status"
            ),
            no_policy("insert", "payments"),
            control=BACKEND,
        ),
        *(
            denied(
                name,
                f"update public.payments set {change} where id = {payment}",
                no_grant("update", "payments", *columns),
                no_policy("update", "payments"),
                *more,
                control=control,
            )
            for name, change, payment, columns, more, control in (
                (
                    "complete own payment",
                    "status = 'COMPLETED', provider_transaction_id = 'x'",
                    UNPAID,
                    ("status", "provider_transaction_id"),
                    (),
                    BACKEND,
                ),
                (
                    "change the amount of own payment",
                    "amount_thb = 1",
                    UNPAID,
                    ("amount_thb",),
                    (PAYMENT_MOVE,),
                    MY_LEDGER,
                ),
            )
        ),
        *(
            denied(name, sql, *defences, control=MY_LEDGER)
            for name, sql, defences in (
                (
                    "post a bonus to the ledger",
                    "insert into public.credit_transactions (user_id, type, amount, balance_after)"
                    " select id, 'BONUS', 1000, credits + 1000 from public.users where id = %(alice)s",
                    (
                        no_grant(
                            "insert", "credit_transactions", "user_id", "type", "amount", "balance_after"
                        ),
                        no_policy("insert", "credit_transactions"),
                        no_grant(
                            *("update", "users"),
                            *("credits", "total_credits_purchased", "total_credits_used"),
                        ),
                    ),
                ),
                (
                    "raise an entry of the ledger",
                    "update public.credit_transactions set amount = 1000"
                    " where user_id = %(alice)s and type = 'BONUS'",
                    LEDGER_UPDATE,
                ),
                (
                    "upsert into the ledger",
                    "insert into public.credit_transactions as t"
                    " (user_id, type, amount, balance_after, idempotency_key)"
                    " values (%(alice)s, 'BONUS', 10, 10, 'welcome-alice')"
                    " on conflict (idempotency_key) do update set amount = t.amount + 1000",
                    (
                        *LEDGER_UPDATE,
                        no_grant(
                            *("insert", "credit_transactions"),
                            *("user_id", "type", "amount", "balance_after", "idempotency_key"),
                        ),
                        no_policy("insert", "credit_transactions"),
                        no_grant(
                            *("update", "users"),
                            *("credits", "total_credits_purchased", "total_credits_used"),
                        ),
                    ),
                ),
                (
                    "merge into the ledger",
                    "merge into public.credit_transactions as t using (values (1)) as v (x)"
                    " on t.user_id = %(alice)s and t.type = 'BONUS'"
                    " when matched then update set amount = 1000",
                    LEDGER_UPDATE,
                ),
            )
        ),
        Written(
            name="take the trial twice, from two devices at once",
            by="alice",
            outcome="one credit; 23505 for the other",
            defence="unique index payments_one_trial_per_user",
            test="test_several_steps.py::test_trial_taken_from_two_devices_gives_one_credit",
        ),
        Written(
            name="delete the account and take the trial again with the same address, spelled otherwise",
            by="alice",
            outcome="PT409",
            defence="take_trial: a keyed hash of address and phone outlives the account",
            test="test_second_trial.py::test_another_account_of_the_same_address_has_no_trial",
        ),
        Written(
            name="take the trial as a guest",
            by="alice",
            outcome="PT403",
            defence="take_trial",
            test="test_second_trial.py::test_guest_has_none_until_it_is_known",
        ),
        Written(
            name="add an address after the trial, and open an account of it",
            by="alice",
            outcome="PT409",
            defence="remember_trial",
            test="test_second_trial.py::test_identity_that_is_added_after_the_trial_has_had_it",
        ),
        Written(
            name="have a job fail from an older snapshot beside the refund of its payment",
            by="alice",
            outcome="the older snapshot meets 40001; the debt is recovered",
            defence="a refund writes the user's row even when nothing is left to take",
            test="test_scenarios.py::test_race_holds_in_every_schedule",
        ),
        Written(
            name="have a payment refunded while its credits lie in a queued job, then cancel the job",
            by="alice",
            outcome="nothing is left over",
            defence="recover_debts",
            test="test_shortfall.py::test_refunding_the_payment_and_then_cancelling_the_job_leaves_nothing",
        ),
    ),
)
