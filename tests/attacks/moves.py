"""Random statements of a client, as templates: each name in braces is drawn from its pool."""

from __future__ import annotations

from string import Formatter

from hypothesis import strategies as st

from tests.attacks.attack import ALICE, BOB, DAVE
from tests.attacks.worlds import BUCKETS, EVE, FILES, JOBS, PAYMENTS, REFERENCES, REQUESTS, STATES, TITLES

USERS = st.sampled_from((ALICE, BOB, ALICE, EVE, ALICE, DAVE))
MY_JOBS = st.sampled_from([f"{ALICE[:-3]}10{n}" for n in (1, 2, 3, 4, 7)])
POOLS = {
    "user": USERS,
    "job": JOBS | MY_JOBS,
    "title": TITLES,
    "request": REQUESTS,
    "status": st.sampled_from(STATES),
    "payment": PAYMENTS,
    "reference": REFERENCES,
    "file": FILES,
    "bucket": BUCKETS,
    "lock": st.sampled_from(("for update", "for no key update nowait", "for key share skip locked")),
    "target": st.sampled_from(("", "(user_id, client_request_id)", "(id)")),
    "table": st.sampled_from(
        ("jobs", "users", "payments", "user_preferences", "user_stats", "credit_packages")
    ),
    "which": st.sampled_from(
        (
            *("id = '{job}'", "user_id = '{user}'", "client_request_id = '{request}'", "true"),
            *("job_name = '{title}'", "status = '{status}'", "job_name::int = 7", "credits_cost > 1"),
            "exists (select from public.users as u where u.id = user_id and u.credits > 1)",
        )
    ),
}
TEMPLATES = (
    "select * from public.jobs where {which}",
    "select count(*), max(credits_cost), min(job_name) from public.jobs where {which}",
    "select id from public.jobs where {which} {lock}",
    "select * from public.{table}",
    "select count(*) from public.{table}",
    "select * from public.users where id = '{user}'",
    "select * from public.user_stats where id = '{user}'",
    "select * from public.job_queue_status",
    "select * from public.payments where provider_transaction_id = '{reference}' or id = '{payment}'",
    "select type, amount, balance_after, job_id from public.credit_transactions where user_id = '{user}'",
    "select u.email, j.job_name from public.users as u full join public.jobs as j on j.user_id = u.id",
    "insert into public.jobs (user_id, job_name) values ('{user}', '{title}') returning *",
    "insert into public.jobs (user_id, client_request_id) values ('{user}', '{request}')",
    "insert into public.jobs (user_id, client_request_id, status, input_video_path)"
    " values ('{user}', '{request}', '{status}', '{user}/{file}')",
    "insert into public.jobs (user_id, client_request_id) values ('{user}', '{request}')"
    " on conflict {target} do nothing",
    "insert into public.jobs (user_id, client_request_id) values ('{user}', '{request}')"
    " on conflict (user_id, client_request_id) do update set job_name = '{title}' returning *",
    "insert into public.jobs (id, user_id) values ('{job}', '{user}')",
    "insert into public.jobs (user_id, input_video_path) values ('{user}', '{user}/{file}')",
    "update public.jobs set job_name = '{title}' where {which} returning *",
    "update public.jobs set status = '{status}' where {which} returning id, status, completed_at",
    "update public.jobs set job_name = '{title}'",
    "update public.jobs set status = 'CANCELLED'",
    "update public.jobs set user_id = '{user}' where {which}",
    "update public.users set full_name = '{title}' where id = '{user}' returning *",
    "update public.users set full_name = '{title}'",
    "delete from public.jobs where {which}",
    "merge into public.jobs as j using (values ('{job}'::uuid)) as v (id) on j.id = v.id"
    " when matched then update set job_name = '{title}'"
    " when not matched then insert (user_id, job_name) values ('{user}', '{title}')",
    "insert into public.user_preferences (user_id) values ('{user}')",
    "insert into public.user_preferences (user_id) values ('{user}') on conflict do nothing",
    "insert into public.user_preferences (user_id) values ('{user}')"
    " on conflict (user_id) do update set theme = 'light'",
    "update public.user_preferences set language = 'en' where user_id = '{user}' returning user_id, theme",
    "update public.user_preferences set theme = 'light'",
    "insert into public.payments (user_id, provider, provider_transaction_id, amount_thb, credits_purchased)"
    " values ('{user}', 'MANUAL', '{reference}', 1, 1)",
    "select public.grant_credits('{user}', 1, 'BONUS', 'x')",
    "select * from public.claim_next_jobs('w', 5, '1 hour')",
    "select * from public.reclaim_expired_jobs()",
    "select * from public.find_users('{user}')",
    "select public.close_my_account()",
    "select bucket_id, name from storage.objects where name like '{user}/%'",
    "insert into storage.objects (bucket_id, name) values ('{bucket}', '{user}/{file}')",
    "insert into storage.objects (bucket_id, name) values ('{bucket}', '{user}/{file}')"
    " on conflict (bucket_id, name) do nothing",
    "update storage.objects set name = '{user}/{file}' where bucket_id = '{bucket}' returning name",
    "delete from storage.objects where name = '{user}/{file}'",
)


LOOKS = (
    *(f"select * from public.{name}" for name in ("users", "jobs", "payments", "user_preferences")),
    *(f"select * from public.{name}" for name in ("credit_packages", "user_stats", "job_queue_status")),
    # Not the ids: the gaps between them are an open channel.
    "select user_id, type, amount, balance_after, job_id, description from public.credit_transactions",
    "select bucket_id, name from storage.objects",
)
"""What every sequence of moves ends with."""


@st.composite
def moves(draw: st.DrawFn) -> str:
    """One statement."""
    sql = draw(st.sampled_from(TEMPLATES))
    while fields := [name for _, name, _, _ in Formatter().parse(sql) if name]:
        sql = sql.replace(f"{{{fields[0]}}}", draw(POOLS[fields[0]]), 1)
    return sql
