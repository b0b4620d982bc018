-- Naive: a refund is the job's credits_cost, as the job says it, not what the ledger says was charged. A job that was
-- cancelled or failed before it was ever queued is refunded what nobody paid.

create or replace function private.refund_jobs(user_id uuid, job_ids uuid[], statuses text[]) returns void
language plpgsql
set search_path = ''
as $$
declare
    job public.jobs;
begin
    for job in select j.* from public.jobs as j where j.id = any(refund_jobs.job_ids) order by j.id loop
        perform private.post_entry(
            job.user_id, 'REFUND', job.credits_cost, job_id => job.id,
            description => 'Video job ' || lower(job.status::pg_catalog.text)
        );
    end loop;
    perform private.recover_debts(refund_jobs.user_id, refund_jobs.job_ids);
end
$$;
