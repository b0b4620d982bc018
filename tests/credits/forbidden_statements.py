"""Statements that nobody may make, or not whoever tries them: each is refused and changes nothing."""

from __future__ import annotations

from collections.abc import Mapping

from tests.credits.oracle import BACKEND
from tests.credits.sql_calls import ANON, OWNER

USER = "a user"

_BY_NOBODY = {
    "raise a balance": "update public.users set credits = credits + 9 where id = %(user)s",
    "raise what was bought": "update public.users set total_credits_purchased = 9 where id = %(user)s",
    "post an entry": """
        insert into public.credit_transactions (user_id, type, amount, balance_after)
        values (%(user)s, 'BONUS', 9, 9)
    """,
    "change an entry": "update public.credit_transactions set amount = 9 where user_id = %(user)s",
    "remove an entry": "delete from public.credit_transactions where user_id = %(user)s",
    "remove a job": "delete from public.jobs where user_id = %(user)s",
    "remove a payment": "delete from public.payments where user_id = %(user)s",
    "remove an account": "delete from public.users where id = %(user)s",
    "post as the triggers do": "select private.post_entry(%(user)s, 'BONUS', 9)",
}
_BY_THE_BACKEND = {
    "grant credits": "select public.grant_credits(%(user)s, 9, 'BONUS', 'Mine')",
    "claim a job": "select public.claim_next_jobs('me', 1, interval '1 hour')",
    "reclaim jobs": "select public.reclaim_expired_jobs()",
    "buy": """
        insert into public.payments (user_id, provider, amount_thb, credits_purchased, status)
        values (%(user)s, 'MANUAL', 0, 9, 'COMPLETED')
    """,
    "complete a payment": "update public.payments set status = 'COMPLETED' where user_id = %(user)s",
    "name a price": "insert into public.jobs (user_id, credits_cost) values (%(user)s, 1)",
    "take a job back": "update public.jobs set retry_count = 0 where user_id = %(user)s",
    "open an account again": "update public.users set deleted_at = null where id = %(user)s",
}
_BY_THE_OWNER = {
    "change the ledger": "update public.credit_transactions set amount = 9",
    "cut the ledger": "delete from public.credit_transactions where user_id = %(user)s",
    "drop the ledger's rows": "truncate public.credit_transactions",
}

FORBIDDEN: Mapping[tuple[str, str], tuple[str, str]] = {
    **{(by, what): (query, "42501") for what, query in _BY_NOBODY.items() for by in (USER, ANON, BACKEND)},
    **{(by, what): (query, "42501") for what, query in _BY_THE_BACKEND.items() for by in (USER, ANON)},
    **{(OWNER, what): (query, "PT405") for what, query in _BY_THE_OWNER.items()},
}
"""The statement about `user`, and the SQLSTATE it gets, by who tries what."""
