"""What a user tries on rows of their own."""

from __future__ import annotations

from attacks.attack import Attack, Control, Section
from pgassay.access import Grant, Policy
from pgassay.observation import Outcome

MY_NAME = Control(by="alice", sql="update public.users set full_name = 'A' where id = %(alice)s")
MY_PENDING_JOB = Control(
    by="alice",
    sql="update public.jobs set job_name = 'A' where id = 'a11ce000-0000-4000-8000-000000000101'",
)

OWN_ROWS = Section(
    title="As a user, on own rows",
    attacks=(
        Attack(
            name="raise own credits",
            by="alice",
            sql="update public.users set credits = credits + 1000 where id = %(alice)s",
            outcome=Outcome.DENIED_GRANT,
            sqlstate="42501",
            control=MY_NAME,
            defences=(
                Grant(privilege="update", object="public.users", role="authenticated", columns=("credits",)),
            ),
        ),
        Attack(
            name="fail own waiting job",
            by="alice",
            sql="update public.jobs set status = 'FAILED' where id = 'a11ce000-0000-4000-8000-000000000101'",
            outcome=Outcome.DENIED_POLICY,
            sqlstate="42501",
            control=MY_PENDING_JOB,
            defences=(
                Policy(
                    table="public.jobs",
                    name="Users edit or cancel their own jobs until work begins",
                    clause="WITH CHECK",
                ),
            ),
        ),
    ),
)
