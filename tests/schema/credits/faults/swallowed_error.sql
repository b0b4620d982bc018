-- Naive: a refund that goes wrong shall not keep a worker from reporting its failure, so the error becomes a warning.
-- The job is FAILED then, and its credits are gone.

create or replace function private.settle_moved_jobs() returns trigger
language plpgsql
security definer
set search_path = ''
set enable_nestloop = off
as $$
declare
    job public.jobs;
    charged integer;
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
            continue;
        end if;
        select -t.amount into charged
        from public.credit_transactions as t where t.job_id = job.id and t.type = 'USAGE';
        if found then
            begin
                perform private.post_entry(
                    job.user_id, 'REFUND', charged, job_id => job.id,
                    description => 'Video job ' || lower(job.status::pg_catalog.text)
                );
                perform private.recover_shortfall(job.user_id, charged);
            exception
                when others then
                    raise warning 'refund of job %: %', job.id, sqlerrm;
            end;
        end if;
    end loop;
    return null;
end
$$;
