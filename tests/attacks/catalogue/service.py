"""What the backend does by accident, or in the hands of somebody who stole its key."""

from __future__ import annotations

from pgassay.denial import Guard, UniqueIndex
from pgassay.observation import Outcome
from tests.attacks.attack import Attack, Control, Section, Written
from tests.attacks.catalogue.defences import (
    APPEND_ONLY,
    PAYMENT_MOVE,
    PAYMENT_START,
    constraint,
    no_grant,
    trigger,
)

JOBS = {
    name: f"'a11ce000-0000-4000-8000-00000000010{digit}'"
    for digit, name in enumerate(
        ("PENDING", "UPLOADING", "QUEUED", "TRANSCRIBING", "ANALYZING", "RENDERING", "COMPLETED", "FAILED"), 1
    )
}
UNPAID, PAID, REFUNDED, CANCELLED = (
    f"'a11ce000-0000-4000-8000-000000000{number}'" for number in (201, 202, 203, 205)
)

SELF = Control(by="owner")
A_JOB = Control(by="service", sql=f"update public.jobs set current_step = 'A' where id = {JOBS['RENDERING']}")
A_PAYMENT = Control(by="service", sql=f"update public.payments set payment_method = 'A' where id = {UNPAID}")
A_USER = Control(by="service", sql="update public.users set full_name = 'A' where id = %(alice)s")
A_BONUS = Control(by="service", sql="select public.grant_credits(%(alice)s, 1, 'BONUS', 'A')")
A_WEBHOOK = Control(
    by="service",
    sql="insert into public.webhook_logs (provider, event_id, event_type) values ('stripe', 'evt_9', 'paid')",
)
A_SALE = Control(
    by="service",
    sql="insert into public.payments (user_id, package_id, provider)"
    " select %(alice)s, id, 'STRIPE' from public.credit_packages where name = 'Starter Pack'",
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
        by="service",
        prepare=prepare,
        sql=sql,
        outcome=Outcome.REJECTED,
        sqlstate=sqlstate,
        constraint=constraint,
        control=control,
        defences=defences,
        of=of,
    )


def denied(name: str, sql: str, *defences: Guard, control: Control, of: str = "") -> Attack:
    """Refused for want of a grant."""
    return Attack(
        name=name,
        by="service",
        sql=sql,
        outcome=Outcome.DENIED_GRANT,
        sqlstate="42501",
        control=control,
        defences=defences,
        of=of,
    )


def ledger(name: str, sql: str, *defences: Guard) -> Attack:
    return denied(name, sql, *defences, control=A_BONUS, of="write the ledger directly")


NEW_ENTRY = ("user_id", "type", "amount", "balance_after")

MANUAL_SALE = (
    "insert into public.payments (user_id, provider, amount_thb, credits_purchased, status)"
    " values (%(alice)s, 'MANUAL', 500, 20, 'COMPLETED')"
)
TRIAL = (
    "insert into public.payments (user_id, package_id, provider, status)"
    " select %(bob)s, id, 'MANUAL', 'COMPLETED' from public.credit_packages where name = 'Trial Pack'"
)

SERVICE_MONEY = Section(
    title="The backend: money",
    attacks=(
        *(
            denied(
                column,
                f"update public.users set {column} = 1000 where id = %(alice)s",
                no_grant("update", "users", column, by="service"),
                control=A_USER,
                of="write directly to users",
            )
            for column in ("credits", "total_credits_purchased", "total_credits_used")
        ),
        ledger(
            "insert",
            "insert into public.credit_transactions (user_id, type, amount, balance_after)"
            " values (%(alice)s, 'BONUS', 1, 16)",
            no_grant("insert", "credit_transactions", *NEW_ENTRY, by="service"),
            no_grant(
                *("update", "users", "credits", "total_credits_purchased", "total_credits_used"),
                by="service",
            ),
        ),
        ledger(
            "update",
            "update public.credit_transactions set amount = amount where user_id = %(alice)s",
            no_grant("update", "credit_transactions", "amount", by="service"),
            APPEND_ONLY,
        ),
        ledger(
            "delete",
            "delete from public.credit_transactions where user_id = %(alice)s",
            no_grant("delete", "credit_transactions", by="service"),
            APPEND_ONLY,
        ),
        ledger(
            "merge",
            "merge into public.credit_transactions as t using (values (1)) as v (x) on t.user_id = %(alice)s"
            " when matched then delete",
            no_grant("delete", "credit_transactions", by="service"),
            APPEND_ONLY,
        ),
        *(
            denied(
                table,
                f"delete from public.{table} where {row}",
                no_grant("delete", table, by="service"),
                *more,
                control=control,
                of="delete from",
            )
            for table, row, more, control in (
                (
                    "users",
                    "id = %(alice)s",
                    tuple(
                        constraint(name, f"{name}_user_id_fkey")
                        for name in ("jobs", "payments", "credit_transactions")
                    ),
                    A_USER,
                ),
                ("jobs", f"id = {JOBS['PENDING']}", (), SELF),
                ("payments", f"id = {UNPAID}", (), SELF),
                ("user_preferences", "user_id = %(alice)s", (), SELF),
                ("webhook_logs", "event_id = 'evt_1'", (), SELF),
                ("api_usage_logs", "user_id = %(alice)s", (), SELF),
            )
        ),
        rejected(
            "record the same webhook twice",
            "insert into public.webhook_logs (provider, event_id, event_type)"
            " values ('stripe', 'evt_1', 'paid')",
            "23505",
            constraint("webhook_logs", "webhook_logs_event_is_unique"),
            control=A_WEBHOOK,
        ),
        Attack(
            name="record the same webhook in capitals",
            by="service",
            sql="insert into public.webhook_logs (provider, event_id, event_type)"
            " values (' STRIPE', 'evt_1', 'paid')",
            outcome=Outcome.REJECTED,
            sqlstate="23505",
            constraint="webhook_logs_event_is_unique",
            control=A_WEBHOOK,
            defences=(constraint("webhook_logs", "webhook_logs_event_is_unique"),),
            rests_on=(trigger("webhook_logs", "webhook_logs_clean"),),
        ),
        rejected(
            "enter one sale twice by a double click",
            MANUAL_SALE,
            "PT409",
            trigger("payments", "payments_settle_insert"),
            control=Control(by="service", sql=MANUAL_SALE.replace("alice", "bob")),
            prepare=(MANUAL_SALE,),
        ),
        rejected(
            "give the trial to a guest",
            TRIAL,
            "PT403",
            trigger("payments", "payments_settle_insert"),
            control=A_SALE,
            prepare=("update auth.users set is_anonymous = true where id = %(bob)s",),
        ),
        rejected(
            "give the trial to a person who had it under another account",
            TRIAL,
            "PT409",
            trigger("payments", "payments_settle_insert"),
            control=A_SALE,
            prepare=("update auth.users set email = 'ALICE+2@example.com' where id = %(bob)s",),
        ),
        rejected(
            "take one transaction of a provider for two payments",
            "insert into public.payments (user_id, package_id, provider, provider_transaction_id, status)"
            " select %(alice)s, id, 'STRIPE', 'pi_a2', 'COMPLETED' from public.credit_packages"
            " where name = 'Popular Pack'",
            "23505",
            UniqueIndex(index="public.payments_provider_transaction_is_unique"),
            control=A_SALE,
        ),
        rejected(
            "give the trial twice",
            "insert into public.payments (user_id, package_id, provider, status)"
            " select %(alice)s, id, 'MANUAL', 'COMPLETED' from public.credit_packages"
            " where name = 'Trial Pack'",
            "23505",
            UniqueIndex(index="public.payments_one_trial_per_user"),
            trigger("payments", "payments_settle_insert"),
            control=Control(
                by="service",
                sql="insert into public.payments (user_id, package_id, provider, status)"
                " select %(bob)s, id, 'MANUAL', 'COMPLETED' from public.credit_packages"
                " where name = 'Trial Pack'",
            ),
        ),
        rejected(
            "post the credits of one payment twice",
            "update public.payments set status = 'COMPLETED', provider_transaction_id = 'x'"
            f" where id = {UNPAID}",
            "23505",
            constraint("credit_transactions", "credit_transactions_payment_once"),
            control=A_PAYMENT,
            prepare=(
                "insert into public.credit_transactions (user_id, type, amount, balance_after, payment_id)"
                f" values (%(alice)s, 'PURCHASE', 3, 18, {UNPAID})",
            ),
        ),
        rejected(
            "refund the credits of one job twice",
            f"update public.jobs set status = 'FAILED' where id = {JOBS['QUEUED']}",
            "23505",
            constraint("credit_transactions", "credit_transactions_job_once"),
            control=A_JOB,
            prepare=(
                "insert into public.credit_transactions (user_id, type, amount, balance_after, job_id)"
                f" values (%(alice)s, 'REFUND', 1, 16, {JOBS['QUEUED']})",
            ),
        ),
        *(
            rejected(
                column,
                f"update public.payments set {column} = {value} where id = {UNPAID}",
                "PT409",
                PAYMENT_MOVE,
                control=A_PAYMENT,
                of="swap between order and webhook",
            )
            for column, value in (
                ("amount_thb", "1"),
                ("credits_purchased", "100000"),
                ("user_id", "%(bob)s"),
                ("provider", "'MANUAL'"),
                ("package_id", "(select id from public.credit_packages where name = 'Enterprise Pack')"),
            )
        ),
        rejected(
            "swap the transaction of a payment that has one",
            f"update public.payments set provider_transaction_id = 'other' where id = {PAID}",
            "PT409",
            PAYMENT_MOVE,
            control=A_PAYMENT,
        ),
        *(
            rejected(
                name,
                f"insert into public.payments (user_id, package_id, provider, {column})"
                f" select %(alice)s, id, 'STRIPE', {value} from public.credit_packages"
                f" where name = '{package}'",
                "PT409",
                PAYMENT_START,
                *more,
                control=A_SALE,
                of="sell a package",
            )
            for name, column, value, package, more in (
                (
                    "at a price of one's own",
                    "amount_thb, credits_purchased",
                    "1, credits",
                    "Enterprise Pack",
                    (),
                ),
                ("with more credits", "credits_purchased, amount_thb", "1000, price_thb", "Starter Pack", ()),
                (
                    "that is not for sale",
                    "amount_thb, credits_purchased",
                    "price_thb, credits",
                    "Retired Pack",
                    (),
                ),
            )
        ),
        rejected(
            "complete a sale without a transaction",
            f"update public.payments set status = 'COMPLETED' where id = {UNPAID}",
            "23514",
            constraint("payments", "payments_paid_has_transaction"),
            control=A_PAYMENT,
        ),
        *(
            rejected(
                f"{was} to {status}",
                f"update public.payments set status = '{status}', paid_at = {paid},"
                f" refunded_at = {refunded}{more} where id = {payment}",
                "PT409",
                PAYMENT_MOVE,
                control=A_PAYMENT,
                of="move a payment from",
            )
            for was, payment, status, paid, refunded, more in (
                ("COMPLETED", PAID, "FAILED", "null", "null", ""),
                ("COMPLETED", PAID, "PENDING", "null", "null", ""),
                ("REFUNDED", REFUNDED, "PENDING", "null", "null", ""),
                ("CANCELLED", CANCELLED, "PENDING", "null", "null", ""),
                ("PENDING", UNPAID, "REFUNDED", "now()", "now()", ", provider_transaction_id = 'x'"),
            )
        ),
        Written(
            name="collect a debt again that support has settled or forgiven",
            by="service",
            outcome="collected once",
            defence="owed is shortfalls less recovered less settled",
            test="test_debts.py::test_what_support_settled_is_not_collected_again",
        ),
        Written(
            name="hide or forge what is owed in the metadata of a payment",
            by="service",
            outcome="metadata.shortfall says what is owed",
            defence="trigger payments_mirror_shortfall",
            test="test_debts.py::test_metadata_that_the_backend_writes_never_hides_or_forges_what_is_owed",
        ),
        Written(
            name="grant so much that a balance overflows",
            by="service",
            outcome="refused 22023",
            defence="function grant_credits",
            test="test_grant_credits.py::test_amount_is_bounded",
        ),
        Written(
            name="find personal data of a closed account in any table",
            by="service",
            outcome="none",
            defence="erase_account, private.column_privacy",
            test="test_erasure.py::test_nothing_personal_is_left",
        ),
        Written(
            name="add a text or json column that erasure does not know",
            by="owner",
            outcome="a test fails",
            defence="private.column_privacy",
            test="test_erasure.py::test_new_column_that_is_not_listed_is_found",
        ),
        Written(
            name="find secrets of a webhook in lists and values of headers",
            by="service",
            outcome="[redacted]",
            defence="trigger webhook_logs_clean",
            test="test_webhooks.py::test_secret_in_a_list_or_in_a_value_is_redacted",
        ),
        Written(
            name="pay for somebody who signed up before the schema",
            by="service",
            outcome="there is an account",
            defence="back-fill; login and e-mail change make what is missing",
            test="test_missing_accounts.py::test_login_and_change_of_email_or_number_make_what_is_missing",
        ),
        Written(
            name="two different events for one payment",
            by="service",
            outcome="one PURCHASE",
            defence="the same status again is no transition",
            test="test_payments.py::test_the_same_status_again_moves_nothing",
        ),
        Written(
            name="raise the price of a package between order and webhook",
            by="service",
            outcome="the snapshot counts",
            defence="settle_payment posts payments.credits_purchased",
            test="test_payments.py::test_completed_payment_posts_its_snapshot_and_not_the_package_of_today",
        ),
        Written(
            name="grant credits as PURCHASE, USAGE or REFUND, or an amount of 0",
            by="service",
            outcome="refused 22023",
            defence="function grant_credits",
            test="test_grant_credits.py::test_other_types_and_amounts_are_refused",
        ),
        Written(
            name="grant twice with one idempotency key",
            by="service",
            outcome="one entry",
            defence="function grant_credits, constraint credit_transactions_key_once",
            test="test_grant_credits.py::test_same_call_with_the_same_key_posts_once",
        ),
    ),
)
