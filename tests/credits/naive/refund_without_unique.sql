-- Naive: nothing but `not exists` keeps a job from being refunded twice; the unique constraint is gone. The sweeper of
-- dead workers' jobs refunds those that are out of retries first and fails them then. Two sweepers at once, or one
-- beside the worker that fails its job after all, both see no refund yet.

alter table public.credit_transactions drop constraint credit_transactions_job_once;
create index credit_transactions_job_idx on public.credit_transactions (job_id, type);

create function private.refund_job(job public.jobs) returns boolean
language plpgsql
set search_path = ''
as $$
declare
    charged integer;
begin
    select -t.amount into charged
    from public.credit_transactions as t
    where
        t.job_id = job.id and t.type = 'USAGE'
        and not exists (
            select from public.credit_transactions as r where r.job_id = job.id and r.type = 'REFUND'
        );
    if found then
        perform private.post_entry(
            job.user_id, 'REFUND', charged, job_id => job.id, description => 'Video job failed or cancelled'
        );
        return true;
    end if;
    return false;
end
$$;
comment on function private.refund_job(public.jobs) is
'Returns what was charged for a job, unless it was returned; whether it did.';

create or replace function private.refund_jobs(user_id uuid, job_ids uuid[], statuses text[]) returns void
language plpgsql
set search_path = ''
as $$
declare
    job public.jobs;
    refunded uuid[] := '{}';
begin
    for job in select j.* from public.jobs as j where j.id = any(refund_jobs.job_ids) order by j.id loop
        if private.refund_job(job) then
            refunded := refunded || job.id;
        end if;
    end loop;
    perform private.recover_debts(refund_jobs.user_id, refunded);
end
$$;

create or replace function public.reclaim_expired_jobs() returns setof public.jobs
language plpgsql
security definer
set search_path = ''
as $$
declare
    account pg_catalog.record;
begin
    update public.jobs as j set next_attempt_at = null
    where j.status = 'QUEUED' and j.next_attempt_at <= statement_timestamp();
    for account in
        select
            j.user_id,
            array_agg(j.id) as jobs
        from public.jobs as j
        where
            j.status in ('TRANSCRIBING', 'ANALYZING', 'RENDERING')
            and j.lease_expires_at < statement_timestamp() and j.retry_count >= j.max_retries
        group by j.user_id
        order by j.user_id
    loop
        perform private.refund_jobs(account.user_id, account.jobs, null);
    end loop;
    return query
    update public.jobs as j
    set
        status = case when j.retry_count < j.max_retries then 'QUEUED' else 'FAILED' end::public.job_status,
        error_message = 'the worker stopped answering'
    where
        j.status in ('TRANSCRIBING', 'ANALYZING', 'RENDERING')
        and j.lease_expires_at < statement_timestamp()
    returning j.*;
end
$$;
