"""Statements that ask whether a row of somebody else exists, each in its own way."""

from __future__ import annotations

from dataclasses import dataclass

from tests.attacks.attack import BOB

NOBODY = "0b0d0000-0000-4000-8000-000000000009"
BOBS_JOB = f"{BOB[:-3]}103"
NO_JOB = f"{BOB[:-3]}999"
BOBS_PAYMENT = f"{BOB[:-3]}202"
NO_PAYMENT = f"{BOB[:-3]}999"


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One statement with `{}` for what is `there`, Bob's, or `missing`. The schema's owner, who may see
    everything, can tell the one from the other by it; `prepare` runs first, as the owner."""

    name: str
    sql: str
    there: str
    missing: str
    prepare: str = ""

    def __str__(self) -> str:
        return self.name


def of_job(name: str, sql: str) -> Probe:
    return Probe(name=name, sql=sql, there=BOBS_JOB, missing=NO_JOB)


def of_user(name: str, sql: str, *, prepare: str = "") -> Probe:
    return Probe(name=name, sql=sql, there=BOB, missing=NOBODY, prepare=prepare)


def of_payment(name: str, sql: str) -> Probe:
    return Probe(name=name, sql=sql, there=BOBS_PAYMENT, missing=NO_PAYMENT)


# A user who signed up and has no preferences: for the owner an insert succeeds there.
_WITHOUT_PREFERENCES = "delete from public.user_preferences"

PROBES = (
    of_job("a job by id", "select * from public.jobs where id = '{}'"),
    of_job("a count of jobs", "select count(*) from public.jobs where id = '{}'"),
    of_job("a division by zero in WHERE", "select 1 from public.jobs where id = '{}' and priority / 0 = 1"),
    of_job("a failing cast in WHERE", "select 1 from public.jobs where id = '{}' and job_name::int = 1"),
    of_job(
        "a failing cast before the key", "select 1 from public.jobs where job_name::int = 1 and id = '{}'"
    ),
    of_job(
        "a failing cast in RETURNING",
        "update public.jobs set job_name = 'x' where id = '{}' returning job_name::int",
    ),
    of_job("an update of a job", "update public.jobs set job_name = 'x' where id = '{}'"),
    of_job("an illegal status", "update public.jobs set status = 'COMPLETED' where id = '{}'"),
    of_job("a frozen column", "update public.jobs set user_id = user_id where id = '{}'"),
    of_job("a delete", "delete from public.jobs where id = '{}'"),
    of_job("a row lock", "select 1 from public.jobs where id = '{}' for update"),
    of_job("a row lock without waiting", "select 1 from public.jobs where id = '{}' for update nowait"),
    of_job("a shared row lock", "select 1 from public.jobs where id = '{}' for key share skip locked"),
    of_job(
        "the id of a job of one's own",
        "insert into public.jobs (id, user_id) values ('{}', 'a11ce000-0000-4000-8000-000000000001')",
    ),
    of_job(
        "a merge into jobs",
        f"merge into public.jobs as j using (values ('{{}}'::uuid)) as v (id) on j.id = v.id"
        " when matched then update set status = 'PENDING'"
        f" when not matched then insert (user_id, job_name) values ('{BOB}', 'x')",
    ),
    of_job(
        "the ledger's foreign key to jobs",
        "insert into public.credit_transactions (user_id, type, amount, balance_after, job_id)"
        f" select id, 'REFUND', 1, credits + 1, '{{}}' from public.users where id = '{BOB}'",
    ),
    of_job(
        "a webhook's foreign key",
        "insert into public.webhook_logs (provider, event_id, event_type, job_id)"
        " values ('x', 'x', 'x', '{}')",
    ),
    Probe(
        name="a foreign client_request_id",
        sql=f"insert into public.jobs (user_id, client_request_id) values ('{BOB}', '{{}}')",
        there="request-101",
        missing="request-999",
    ),
    Probe(
        name="an upsert on a foreign client_request_id",
        sql=f"insert into public.jobs (user_id, client_request_id) values ('{BOB}', '{{}}')"
        " on conflict (user_id, client_request_id) do nothing",
        there="request-101",
        missing="request-999",
    ),
    Probe(
        name="a client_request_id that somebody else used",
        sql="insert into public.jobs (user_id, client_request_id)"
        " values (coalesce(auth.uid(), '{owner}'), '{}')".replace("{owner}", BOB),
        there="only-bobs",
        missing="nobodys",
        prepare=f"insert into public.jobs (user_id, client_request_id) values ('{BOB}', 'only-bobs')",
    ),
    of_user("a user by id", "select * from public.users where id = '{}'"),
    of_user("a user's balance", "select * from public.user_stats where id = '{}'"),
    of_user("an update of a user", "update public.users set full_name = 'x' where id = '{}'"),
    of_user("a user as a foreign key", "insert into public.jobs (user_id) values ('{}')"),
    of_user(
        "a paid job of a user",
        "insert into public.jobs (user_id, status, input_video_path) values ('{}', 'QUEUED', '{}/x.mp4')",
    ),
    of_user("a user's ledger", "select * from public.credit_transactions where user_id = '{}'"),
    of_user("a user's preferences", "insert into public.user_preferences (user_id) values ('{}')"),
    of_user(
        "an insert of preferences that are missing",
        "insert into public.user_preferences (user_id) values ('{}')",
        prepare=_WITHOUT_PREFERENCES,
    ),
    of_user(
        "preferences, or nothing",
        "insert into public.user_preferences (user_id) values ('{}') on conflict do nothing",
    ),
    of_user(
        "an upsert of preferences",
        "insert into public.user_preferences (user_id) values ('{}')"
        " on conflict (user_id) do update set theme = 'dark'",
    ),
    of_user(
        "a merge into preferences",
        "merge into public.user_preferences as p using (values ('{}'::uuid)) as v (id) on p.user_id = v.id"
        " when matched then update set theme = 'dark' when not matched then insert (user_id) values (v.id)",
    ),
    of_user("credits for a user", "select public.grant_credits('{}', 1, 'BONUS', 'x')"),
    of_user(
        "the path of a user",
        "insert into public.jobs (user_id, input_video_path)"
        " values (coalesce(auth.uid(), '{}'), '{}/completed.mp4')",
    ),
    of_payment("a payment by id", "select * from public.payments where id = '{}'"),
    of_payment("an update of a payment", "update public.payments set payment_method = 'x' where id = '{}'"),
    Probe(
        name="a provider's transaction",
        sql="select * from public.payments where provider_transaction_id = '{}'",
        there="pp_b2",
        missing="pp_b9",
    ),
    Probe(
        name="a provider's transaction of one's own",
        sql="insert into public.payments (user_id, provider, provider_transaction_id, amount_thb,"
        " credits_purchased, package_id) select 'a11ce000-0000-4000-8000-000000000001', 'PROMPTPAY', '{}',"
        " price_thb, credits, id from public.credit_packages where name = 'Pro Pack'",
        there="pp_b2",
        missing="pp_b9",
    ),
    Probe(
        name="an event of a provider",
        sql="select * from public.webhook_logs where event_id = '{}'",
        there="evt_1",
        missing="evt_9",
    ),
    Probe(
        name="a package that is not for sale",
        sql="select * from public.credit_packages where name = '{}'",
        there="Retired Pack",
        missing="No Pack",
    ),
    Probe(
        name="a file",
        sql="select * from storage.objects where name = '{}'",
        there=f"{BOB}/completed.mp4",
        missing=f"{BOB}/missing.mp4",
    ),
    Probe(
        name="an upload in place of a file",
        sql="insert into storage.objects (bucket_id, name) values ('raw-videos', '{}')",
        there=f"{BOB}/completed.mp4",
        missing=f"{BOB}/missing.mp4",
    ),
    Probe(
        name="an upload over a file",
        sql="insert into storage.objects (bucket_id, name) values ('raw-videos', '{}')"
        " on conflict (bucket_id, name) do update set bucket_id = 'no-bucket'",
        there=f"{BOB}/completed.mp4",
        missing=f"{BOB}/missing.mp4",
    ),
    Probe(
        name="an upload into a bucket",
        sql=f"insert into storage.objects (bucket_id, name) values ('{{}}', '{BOB}/x.mp4')",
        there="thumbnails",
        missing="no-bucket",
    ),
)
