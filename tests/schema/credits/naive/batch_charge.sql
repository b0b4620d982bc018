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
        if (
            select count(*) from public.jobs as j
            where j.user_id = account and j.status in ('PENDING', 'UPLOADING')
        ) > 100 then
            raise exception 'more than 100 unpaid jobs' using errcode = 'PT429';
        end if;
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
        credits = new.balance_after,
        total_credits_purchased = u.total_credits_purchased + case new.type when 'PURCHASE' then new.amount else 0 end,
        total_credits_used
        = u.total_credits_used - case when new.type in ('USAGE', 'REFUND') then new.amount else 0 end
    where u.id = new.user_id;
    return null;
end
$$;
