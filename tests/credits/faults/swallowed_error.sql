-- Naive: a refund that goes wrong shall not keep a worker from reporting its failure, so the error becomes a warning.
-- The job is FAILED then, and its credits are gone.

create or replace function private.settle_moved_jobs() returns trigger
language plpgsql
security definer
set search_path = ''
set enable_nestloop = off
as $$
declare
    account pg_catalog.record;
begin
    for account in
        select
            n.user_id,
            array_agg(n.id order by n.id) filter (where n.status <> 'QUEUED') as ended,
            array_agg(n.status::pg_catalog.text order by n.id) filter (where n.status <> 'QUEUED') as statuses,
            array_agg(n.id order by n.id) filter (where n.status = 'QUEUED') as queued,
            array_agg(n.credits_cost order by n.id) filter (where n.status = 'QUEUED') as costs
        from moved_from as o
        inner join moved_to as n on o.id = n.id
        where
            (n.status = 'QUEUED' and o.status in ('PENDING', 'UPLOADING'))
            or (n.status in ('FAILED', 'CANCELLED') and o.status <> n.status)
        group by n.user_id
        order by n.user_id
    loop
        begin
            if account.ended is not null then
                perform private.refund_jobs(account.user_id, account.ended, account.statuses);
            end if;
        exception
            when others then
                raise warning 'refunds of %: %', account.user_id, sqlerrm;
        end;
        if account.queued is not null then
            perform private.charge_jobs(account.user_id, account.queued, account.costs);
        end if;
    end loop;
    return null;
end
$$;
