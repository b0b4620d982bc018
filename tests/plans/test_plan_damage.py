"""Every index that is dropped, and every `(select auth.uid())` that is unwrapped, breaks a contract."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from psycopg import sql

from pgassay.database import Session
from pgassay.plans.judging import Judge
from pgassay.plans.load import loaded
from pgassay.plans.model import Contract, read_contracts
from pgassay.workbench import Workbench

pytestmark = pytest.mark.slow

# Each index, and a contract that breaks without it.
INDEXES = {
    "api_usage_logs_cost_idx": "API cost of a day by provider",
    "api_usage_logs_job_idx": "remove a job",
    "api_usage_logs_pkey": "purge logs",
    "api_usage_logs_user_idx": "remove a user",
    "credit_transactions_created_idx": "ledger of a day",
    "credit_transactions_job_once": "cancel a queued job",
    "credit_transactions_key_once": "grant with an idempotency key",
    "credit_transactions_payment_once": "remove a payment",
    "credit_transactions_user_latest_idx": "my ledger, latest first",
    "jobs_client_request_is_unique": "the same request again",
    "jobs_id_and_user_is_unique": "remove a job",
    "jobs_lease_idx": "expired leases",
    "jobs_next_idx": "next job",
    "jobs_pkey": "claim jobs",
    "jobs_prediction_is_unique": "a prediction's job",
    "jobs_retry_idx": "jobs whose wait is over",
    "jobs_status_idx": "queue view",
    "jobs_user_newest_idx": "my jobs, newest first",
    "jobs_turn_idx": "a user's latest turns",
    "jobs_unpaid_idx": "my unpaid jobs",
    "payments_id_and_user_is_unique": "remove a payment",
    "payments_package_idx": "remove a package",
    "payments_paid_idx": "money received in a day",
    "payments_pending_idx": "stale pending payments",
    "payments_provider_transaction_is_unique": "a provider's payment",
    "payments_user_newest_idx": "my payments, newest first",
    "user_preferences_pkey": "my preferences",
    "users_email_idx": "users of an e-mail address",
    "users_pkey": "my account",
    "users_subscription_idx": "expiring subscriptions",
    "webhook_logs_created_idx": "webhooks that are old",
    "webhook_logs_event_is_unique": "a webhook that came before",
    "webhook_logs_job_idx": "remove a job",
    "webhook_logs_payment_idx": "remove a payment",
    "webhook_logs_pkey": "mark a webhook as processed",
    "webhook_logs_unprocessed_idx": "unprocessed webhooks",
}
# There for their rule alone, which other tests hold: no hot query looks through them.
RULES = {
    "credit_packages_name_is_unique",
    "credit_packages_pkey",
    "credit_transactions_pkey",
    "payments_one_trial_per_user",
    "payments_pkey",
}
CLOSED = "Closed accounts see and do nothing"
UNTIL_WORK = "Users edit or cancel their own jobs until work begins"
# Table, policy and clause, and a contract that breaks when its `(select auth.uid())` is unwrapped.
CLAUSES = {
    ("credit_transactions", CLOSED, "using"): "my ledger, latest first",
    ("credit_transactions", "Users view their own ledger", "using"): "my ledger, latest first",
    ("jobs", CLOSED, "using"): "my jobs, newest first",
    ("jobs", CLOSED, "with check"): "start a job",
    ("jobs", UNTIL_WORK, "using"): "cancel a queued job",
    ("jobs", UNTIL_WORK, "with check"): "cancel a queued job",
    ("jobs", "Users start their own jobs", "with check"): "start a job",
    ("jobs", "Users view their own jobs", "using"): "my jobs, newest first",
    ("payments", CLOSED, "using"): "my payments, newest first",
    ("payments", "Users view their own payments", "using"): "my payments, newest first",
    ("user_preferences", CLOSED, "using"): "my preferences",
    ("user_preferences", CLOSED, "with check"): "edit my preferences",
    ("user_preferences", "Users add their own preferences", "with check"): "save my preferences",
    ("user_preferences", "Users edit their own preferences", "using"): "edit my preferences",
    ("user_preferences", "Users edit their own preferences", "with check"): "edit my preferences",
    ("user_preferences", "Users view their own preferences", "using"): "my preferences",
    ("users", "Users edit their own row", "using"): "edit my account",
    ("users", "Users edit their own row", "with check"): "edit my account",
    ("users", "Users view their own row", "using"): "my account",
}
# Nobody under RLS may write there, so that no row ever meets the check.
IDLE = {("credit_transactions", CLOSED, "with check"), ("payments", CLOSED, "with check")}

OF_INDEXES = """
    select i.indexrelid::regclass::text as index, i.indrelid::regclass::text as owner, k.conname::text as rule
    from pg_index as i
    inner join pg_class as c on i.indrelid = c.oid
    left join pg_constraint as k on i.indexrelid = k.conindid and k.contype <> 'f'
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
"""
OF_CLAUSES = """
    select p.tablename, p.policyname, c.clause, c.expression
    from pg_policies as p,
    lateral (values ('using', p.qual), ('with check', p.with_check)) as c (clause, expression)
    where p.schemaname = 'public' and c.expression like '%auth.uid()%'
"""
WRAPPED = "( SELECT auth.uid() AS uid)"


@pytest.fixture(scope="module")
def contracts(workbench: Workbench) -> dict[str, Contract]:
    return {contract.name: contract for contract in read_contracts(workbench.config.plans)}


@pytest.fixture(scope="module")
def judge(workbench: Workbench) -> Iterator[Judge]:
    with loaded(workbench, scale=0.01) as database, closing(database.connect()) as connection:
        yield Judge(session=Session(connection, owner=database.owner), personas=workbench.personas)


def find_fault(judge: Judge, contract: Contract) -> str:
    (judgement,) = judge.judge([contract])
    return judgement.why


def test_all_indexes_are_dropped_in_turn(judge: Judge) -> None:
    found = {index.removeprefix("public.") for index, *_ in judge.session.connection.execute(OF_INDEXES)}
    assert found == INDEXES.keys() | RULES


def test_all_wrapped_clauses_are_unwrapped_in_turn(judge: Judge) -> None:
    found = {
        (table, policy, clause) for table, policy, clause, _ in judge.session.connection.execute(OF_CLAUSES)
    }
    assert found == CLAUSES.keys() | IDLE


@pytest.mark.parametrize("index", INDEXES)
def test_index_that_is_dropped_breaks_its_contract(
    judge: Judge, contracts: dict[str, Contract], index: str
) -> None:
    contract = contracts[INDEXES[index]]
    with judge.session.undone() as session:
        assert find_fault(judge, contract) == ""
        ((table, rule),) = (
            (owner, rule)
            for name, owner, rule in session.connection.execute(OF_INDEXES)
            if name.endswith(index)
        )
        change = "alter table {0} drop constraint {2} cascade" if rule else "drop index public.{1}"
        parts = (sql.SQL(table), sql.Identifier(index), sql.Identifier(rule or ""))
        session.connection.execute(sql.SQL(change).format(*parts))
        assert find_fault(judge, contract) != ""


@pytest.mark.parametrize(("table", "policy", "clause"), CLAUSES)
def test_unwrapped_clause_breaks_its_contract(
    judge: Judge, contracts: dict[str, Contract], table: str, policy: str, clause: str
) -> None:
    contract = contracts[CLAUSES[table, policy, clause]]
    with judge.session.undone() as session:
        assert " in (select …)" not in find_fault(judge, contract)
        clauses = {tuple(place): text for *place, text in session.connection.execute(OF_CLAUSES)}
        bare = clauses[table, policy, clause].replace(WRAPPED, "auth.uid()")
        place = (sql.Identifier(policy), sql.Identifier(table), sql.SQL(clause), sql.SQL(bare))
        session.connection.execute(sql.SQL("alter policy {} on public.{} {} ({})").format(*place))
        assert "the same for all rows; wrap it in (select …)" in find_fault(judge, contract)
