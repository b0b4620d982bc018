"""PostgREST gets the answers that `act_as` shows: a statement for each table and command, tried both ways."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pgassay.database import Actor, Database, Session, open_client
from pgassay.observation import Outcome, Persona

USER = "a11ce000-0000-4000-8000-000000000001"
JOB, PAYMENT = "a11ce000-0000-4000-8000-000000000103", "a11ce000-0000-4000-8000-000000000202"

STATEMENTS = (
    f"select from public.users where id = '{USER}'",
    "insert into public.users (id) values ('f0000000-0000-4000-8000-00000000000f')",
    f"update public.users set full_name = 'Changed' where id = '{USER}'",
    f"delete from public.users where id = '{USER}'",
    f"select from public.jobs where id = '{JOB}'",
    f"insert into public.jobs (user_id, job_name) values ('{USER}', 'New')",
    f"update public.jobs set job_name = 'Changed' where id = '{JOB}'",
    f"delete from public.jobs where id = '{JOB}'",
    f"select from public.payments where id = '{PAYMENT}'",
    "insert into public.payments (user_id, provider, amount_thb, credits_purchased)"
    f" values ('{USER}', 'MANUAL', 99, 3)",
    f"update public.payments set payment_method = 'card' where id = '{PAYMENT}'",
    f"delete from public.payments where id = '{PAYMENT}'",
    f"select from public.credit_transactions where user_id = '{USER}' and type = 'BONUS'",
    "insert into public.credit_transactions (user_id, type, amount, balance_after)"
    f" select id, 'BONUS', 1, credits + 1 from public.users where id = '{USER}'",
    f"update public.credit_transactions set description = 'Changed' where user_id = '{USER}'",
    f"delete from public.credit_transactions where user_id = '{USER}' and type = 'BONUS'",
    f"select from public.user_preferences where user_id = '{USER}'",
    f"insert into public.user_preferences (user_id) values ('{USER}')",
    f"update public.user_preferences set theme = 'light' where user_id = '{USER}'",
    f"delete from public.user_preferences where user_id = '{USER}'",
    "select from public.credit_packages where name = 'Retired Pack'",
    "insert into public.credit_packages (name, credits, price_thb) values ('New Pack', 1, 1)",
    "update public.credit_packages set price_thb = 1 where name = 'Pro Pack'",
    "delete from public.credit_packages where name = 'Retired Pack'",
    "select from public.webhook_logs where event_id = 'evt_1'",
    "insert into public.webhook_logs (provider, event_id, event_type) values ('stripe', 'evt_9', 'new')",
    "update public.webhook_logs set processed = true where event_id = 'evt_2'",
    "delete from public.webhook_logs where event_id = 'evt_1'",
    "select from public.api_usage_logs where api_provider = 'openai'",
    "insert into public.api_usage_logs (api_provider) values ('openai')",
    "update public.api_usage_logs set cost_usd = 1 where api_provider = 'openai'",
    "delete from public.api_usage_logs where api_provider = 'openai'",
)
PERSONAS = ("anon", "alice", "bob", "dave", "service")

Answer = tuple[Outcome, str, int, str]


def answer(actor: Actor, statement: str) -> Answer:
    """What becomes of a statement, which is undone."""
    actor.execute("savepoint before")
    attempt = actor.attempt(statement)
    actor.execute("rollback to savepoint before")
    return attempt.outcome, attempt.sqlstate, attempt.rowcount, attempt.constraint


@pytest.mark.parametrize("name", PERSONAS)
def test_request_gets_the_same_answers(
    session: Session, clone: Database, personas: Mapping[str, Persona], name: str
) -> None:
    persona = personas[name]
    with session.act_as(persona):
        expected = [answer(session, statement) for statement in STATEMENTS]
    with open_client(clone) as client, client.request(persona):
        found = [answer(client, statement) for statement in STATEMENTS]
    assert found == expected


def test_personas_are_answered_differently(session: Session, personas: Mapping[str, Persona]) -> None:
    """The control of the test above: every kind of answer is among those that are compared."""
    kinds = set()
    for name in PERSONAS:
        with session.act_as(personas[name]):
            kinds |= {answer(session, statement)[0] for statement in STATEMENTS}
    assert kinds == {
        Outcome.ALLOWED,
        Outcome.FILTERED,
        Outcome.DENIED_GRANT,
        Outcome.DENIED_POLICY,
        Outcome.REJECTED,
    }
