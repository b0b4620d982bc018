"""Who may do what with whose row: a statement for each table and command, and its outcome for each persona.

A statement acts on the row of one user, %(user)s: Alice's for anon, Alice herself, Bob and the backend;
Dave's own for Dave, whose account is closed. Every target exists: whoever has the right touches one row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pgassay.observation import Outcome, Persona

GRANT, POLICY = Outcome.DENIED_GRANT, Outcome.DENIED_POLICY
HIDDEN, DONE = Outcome.FILTERED, Outcome.ALLOWED

PERSONAS = ("anon", "alice", "bob", "dave", "service")

# The number of a job or payment follows the first 33 characters of its owner's id; see fixtures/world.sql.
JOB = "id = (left(%(user)s, 33) || '{}')::uuid"

STATEMENTS: dict[tuple[str, str], str] = {
    ("users", "select"): "select from public.users where id = %(user)s",
    ("users", "insert"): "insert into public.users (id) values ('f0000000-0000-4000-8000-00000000000f')",
    ("users", "update"): "update public.users set full_name = 'Changed' where id = %(user)s",
    ("users", "delete"): "delete from public.users where id = %(user)s",
    ("jobs", "select"): f"select from public.jobs where {JOB.format('107')}",
    ("jobs", "insert"): "insert into public.jobs (user_id, job_name) values (%(user)s, 'New')",
    ("jobs", "update"): f"update public.jobs set job_name = 'Changed' where {JOB.format('103')}",
    ("jobs", "delete"): f"delete from public.jobs where {JOB.format('103')}",
    ("payments", "select"): f"select from public.payments where {JOB.format('202')}",
    ("payments", "insert"): """
        insert into public.payments (user_id, provider, amount_thb, credits_purchased)
        values (%(user)s, 'MANUAL', 99, 3)""",
    ("payments", "update"): f"update public.payments set payment_method = 'card' where {JOB.format('202')}",
    ("payments", "delete"): f"delete from public.payments where {JOB.format('202')}",
    ("credit_transactions", "select"): """
        select from public.credit_transactions where user_id = %(user)s and type = 'BONUS'""",
    ("credit_transactions", "insert"): """
        insert into public.credit_transactions (user_id, type, amount, balance_after)
        select id, 'BONUS', 1, credits + 1 from public.users where id = %(user)s""",
    ("credit_transactions", "update"): """
        update public.credit_transactions set description = 'Changed'
        where user_id = %(user)s and type = 'BONUS'""",
    ("credit_transactions", "delete"): """
        delete from public.credit_transactions where user_id = %(user)s and type = 'BONUS'""",
    ("user_preferences", "select"): "select from public.user_preferences where user_id = %(user)s",
    ("user_preferences", "insert"): "insert into public.user_preferences (user_id) values (%(user)s)",
    ("user_preferences", "update"): """
        update public.user_preferences set theme = 'light' where user_id = %(user)s""",
    ("user_preferences", "delete"): "delete from public.user_preferences where user_id = %(user)s",
    ("credit_packages", "select"): "select from public.credit_packages where name = 'Pro Pack'",
    ("credit_packages", "select retired"): "select from public.credit_packages where name = 'Retired Pack'",
    ("credit_packages", "insert"): """
        insert into public.credit_packages (name, credits, price_thb) values ('New Pack', 1, 1)""",
    ("credit_packages", "update"): "update public.credit_packages set price_thb = 1 where name = 'Pro Pack'",
    ("credit_packages", "delete"): "delete from public.credit_packages where name = 'Retired Pack'",
    ("webhook_logs", "select"): "select from public.webhook_logs where event_id = 'evt_1'",
    ("webhook_logs", "insert"): """
        insert into public.webhook_logs (provider, event_id, event_type) values ('stripe', 'evt_9', 'new')""",
    ("webhook_logs", "update"): "update public.webhook_logs set processed = true where event_id = 'evt_2'",
    ("webhook_logs", "delete"): "delete from public.webhook_logs where event_id = 'evt_1'",
    ("api_usage_logs", "select"): "select from public.api_usage_logs where api_provider = 'openai'",
    ("api_usage_logs", "insert"): "insert into public.api_usage_logs (api_provider) values ('openai')",
    (
        "api_usage_logs",
        "update",
    ): "update public.api_usage_logs set cost_usd = 1 where api_provider = 'openai'",
    ("api_usage_logs", "delete"): "delete from public.api_usage_logs where api_provider = 'openai'",
}

# What becomes of it for anon, the owner of the row, another user, a closed account, the backend.
EXPECTED: dict[tuple[str, str], tuple[Outcome, Outcome, Outcome, Outcome, Outcome]] = {
    ("users", "select"): (GRANT, DONE, HIDDEN, HIDDEN, DONE),
    ("users", "insert"): (GRANT, GRANT, GRANT, GRANT, GRANT),
    ("users", "update"): (GRANT, DONE, HIDDEN, HIDDEN, DONE),
    ("users", "delete"): (GRANT, GRANT, GRANT, GRANT, GRANT),
    ("jobs", "select"): (GRANT, DONE, HIDDEN, HIDDEN, DONE),
    ("jobs", "insert"): (GRANT, DONE, POLICY, POLICY, DONE),
    ("jobs", "update"): (GRANT, DONE, HIDDEN, HIDDEN, DONE),
    ("jobs", "delete"): (GRANT, GRANT, GRANT, GRANT, GRANT),
    ("payments", "select"): (GRANT, DONE, HIDDEN, HIDDEN, DONE),
    ("payments", "insert"): (GRANT, GRANT, GRANT, GRANT, DONE),
    ("payments", "update"): (GRANT, GRANT, GRANT, GRANT, DONE),
    ("payments", "delete"): (GRANT, GRANT, GRANT, GRANT, GRANT),
    ("credit_transactions", "select"): (GRANT, DONE, HIDDEN, HIDDEN, DONE),
    ("credit_transactions", "insert"): (GRANT, GRANT, GRANT, GRANT, GRANT),
    ("credit_transactions", "update"): (GRANT, GRANT, GRANT, GRANT, GRANT),
    ("credit_transactions", "delete"): (GRANT, GRANT, GRANT, GRANT, GRANT),
    ("user_preferences", "select"): (GRANT, DONE, HIDDEN, HIDDEN, DONE),
    ("user_preferences", "insert"): (GRANT, DONE, POLICY, POLICY, DONE),
    ("user_preferences", "update"): (GRANT, DONE, HIDDEN, HIDDEN, DONE),
    ("user_preferences", "delete"): (GRANT, GRANT, GRANT, GRANT, GRANT),
    ("credit_packages", "select"): (DONE, DONE, DONE, DONE, DONE),
    ("credit_packages", "select retired"): (HIDDEN, HIDDEN, HIDDEN, HIDDEN, DONE),
    ("credit_packages", "insert"): (GRANT, GRANT, GRANT, GRANT, DONE),
    ("credit_packages", "update"): (GRANT, GRANT, GRANT, GRANT, DONE),
    ("credit_packages", "delete"): (GRANT, GRANT, GRANT, GRANT, DONE),
    ("webhook_logs", "select"): (GRANT, GRANT, GRANT, GRANT, DONE),
    ("webhook_logs", "insert"): (GRANT, GRANT, GRANT, GRANT, DONE),
    ("webhook_logs", "update"): (GRANT, GRANT, GRANT, GRANT, DONE),
    ("webhook_logs", "delete"): (GRANT, GRANT, GRANT, GRANT, GRANT),
    ("api_usage_logs", "select"): (GRANT, GRANT, GRANT, GRANT, DONE),
    ("api_usage_logs", "insert"): (GRANT, GRANT, GRANT, GRANT, DONE),
    ("api_usage_logs", "update"): (GRANT, GRANT, GRANT, GRANT, DONE),
    ("api_usage_logs", "delete"): (GRANT, GRANT, GRANT, GRANT, GRANT),
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One statement by one persona, and what must become of it."""

    table: str
    command: str
    persona: str
    expected: Outcome

    @property
    def statement(self) -> str:
        return STATEMENTS[self.table, self.command]

    @property
    def writes(self) -> bool:
        return not self.command.startswith("select")

    def parameters(self, personas: Mapping[str, Persona]) -> dict[str, str | None]:
        """Whose row it is."""
        return {"user": personas["dave" if self.persona == "dave" else "alice"].id}

    def __str__(self) -> str:
        return f"{self.persona}: {self.command} {self.table}"


CASES = [
    Case(table=table, command=command, persona=persona, expected=expected)
    for (table, command), outcomes in EXPECTED.items()
    for persona, expected in zip(PERSONAS, outcomes, strict=True)
]
