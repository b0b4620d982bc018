-- Naive: a refund is the job's credits_cost, as the job says it, not what the ledger says was charged. A job that was
-- cancelled or failed before it was ever queued is refunded what nobody paid.

create or replace function private.settle_moved_jobs() returns trigger
language plpgsql
security definer
set search_path = ''
set enable_nestloop = off
as $$
declare
    job public.jobs;
begin
    for job in
        select n.*
        from moved_from as o
        inner join moved_to as n on o.id = n.id
        where
            (n.status = 'QUEUED' and o.status in ('PENDING', 'UPLOADING'))
            or (n.status in ('FAILED', 'CANCELLED') and o.status <> n.status)
        order by n.user_id, n.status = 'QUEUED', n.id
    loop
        if job.status = 'QUEUED' then
            perform private.charge_job(job.id, job.user_id, job.credits_cost);
        else
            perform private.post_entry(
                job.user_id, 'REFUND', job.credits_cost, job_id => job.id,
                description => 'Video job ' || lower(job.status::pg_catalog.text)
            );
            perform private.recover_shortfall(job.user_id, job.credits_cost);
        end if;
    end loop;
    return null;
end
$$;
