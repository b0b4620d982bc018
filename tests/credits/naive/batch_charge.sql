-- Naive: one INSERT … SELECT charges all new jobs of a statement, each from the balance that the statement began with.
-- A single job is charged rightly; of two jobs of one user in a statement, the second forgets the first.

create or replace function private.settle_inserted_jobs() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    account public.users.id%type;
begin
    for account in select distinct j.user_id from inserted as j order by j.user_id loop
        perform private.lock_account(account);
        perform private.check_job_limits(account, checks_unpaid => true);
    end loop;
    if exists (
        select from inserted as j inner join public.users as u on j.user_id = u.id
        where j.status = 'QUEUED' and j.credits_cost > u.credits
    ) then
        raise exception 'not enough credits' using errcode = 'PT402';
    end if;
    insert into public.credit_transactions (user_id, type, amount, balance_after, job_id, description)
    select
        j.user_id,
        'USAGE' as type,
        -j.credits_cost as amount,
        u.credits - j.credits_cost as balance_after,
        j.id as job_id,
        'Video job queued' as description
    from inserted as j
    inner join public.users as u on j.user_id = u.id
    where j.status = 'QUEUED'
    order by j.user_id, j.id;
    return null;
end
$$;

create or replace function private.sync_balance() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    update public.users as u
    set
        credits = t.balance_after,
        total_credits_purchased = u.total_credits_purchased + t.purchased,
        total_credits_used = u.total_credits_used + t.used
    from (
        select
            p.user_id,
            (array_agg(p.balance_after order by p.id desc))[1] as balance_after,
            coalesce(sum(p.amount) filter (where p.type = 'PURCHASE'), 0)::integer as purchased,
            coalesce(-sum(p.amount) filter (where p.type in ('USAGE', 'REFUND')), 0)::integer as used
        from posted as p
        group by p.user_id
    ) as t
    where u.id = t.user_id;
    return null;
end
$$;
