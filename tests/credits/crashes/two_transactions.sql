-- Naive: a job is queued by one transaction and paid for by the next one. A crash in between leaves work that nobody
-- paid for.

create or replace function private.charge_jobs(user_id uuid, job_ids uuid[], costs integer[]) returns void
language plpgsql
set search_path = ''
as $$
begin
    perform private.lock_account(charge_jobs.user_id);
end
$$;

create function public.pay_jobs(jobs uuid[]) returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
    job public.jobs;
begin
    for job in
        select j.* from public.jobs as j
        where
            j.id = any(pay_jobs.jobs)
            and not exists (select from public.credit_transactions as t where t.job_id = j.id)
        order by j.id
    loop
        perform private.post_entry(
            job.user_id, 'USAGE', -job.credits_cost, job_id => job.id, description => 'Video job queued'
        );
    end loop;
end
$$;
comment on function public.pay_jobs(uuid[]) is 'Takes the credits of queued jobs.';
grant execute on function public.pay_jobs(uuid[]) to service_role;
