-- Naive: the balance is taken from in the BEFORE trigger of the job, the entry is posted after it. A BEFORE trigger has
-- run when ON CONFLICT DO NOTHING drops the row: a double click is charged without a job and without an entry.

create function private.take_credits() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform private.lock_account(new.user_id);
    if (select u.credits from public.users as u where u.id = new.user_id) < new.credits_cost then
        raise exception 'not enough credits' using errcode = 'PT402';
    end if;
    update public.users as u
    set credits = u.credits - new.credits_cost, total_credits_used = u.total_credits_used + new.credits_cost
    where u.id = new.user_id;
    return new;
end
$$;
comment on function private.take_credits() is 'Takes the credits of a job that is inserted as QUEUED.';

create trigger jobs_take_credits before insert on public.jobs
for each row when (new.status = 'QUEUED') execute function private.take_credits();

create or replace function private.settle_inserted_jobs() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    job public.jobs;
    account public.users.id%type;
    balance integer;
begin
    for account in select distinct j.user_id from inserted as j order by j.user_id loop
        perform private.lock_account(account);
        perform private.check_job_limits(account, checks_unpaid => true);
        select u.credits + coalesce(sum(j.credits_cost), 0) into balance
        from public.users as u left join inserted as j on u.id = j.user_id and j.status = 'QUEUED'
        where u.id = account
        group by u.credits;
        for job in select j.* from inserted as j where j.user_id = account and j.status = 'QUEUED' order by j.id loop
            balance := balance - job.credits_cost;
            insert into public.credit_transactions (user_id, type, amount, balance_after, job_id, description)
            values (account, 'USAGE', -job.credits_cost, balance, job.id, 'Video job queued');
        end loop;
    end loop;
    return null;
end
$$;

create or replace function private.charge_jobs(user_id uuid, job_ids uuid[], costs integer[]) returns void
language plpgsql
set search_path = ''
as $$
declare
    total constant integer := (select sum(c.cost) from unnest(charge_jobs.costs) as c (cost));
begin
    perform private.lock_account(charge_jobs.user_id);
    update public.users as u
    set credits = u.credits - total, total_credits_used = u.total_credits_used + total
    where u.id = charge_jobs.user_id and u.credits >= total;
    if not found then
        raise exception 'not enough credits' using errcode = 'PT402';
    end if;
    insert into public.credit_transactions (user_id, type, amount, balance_after, job_id, description)
    select
        u.id,
        'USAGE',
        -c.cost,
        u.credits + total - sum(c.cost) over (order by c.id),
        c.id,
        'Video job queued'
    from public.users as u
    cross join unnest(charge_jobs.job_ids, charge_jobs.costs) as c (id, cost)
    where u.id = charge_jobs.user_id
    order by c.id;
end
$$;

-- Charges have carried themselves into the balance already.
create or replace function private.sync_balance() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    update public.users as u
    set
        credits = u.credits + t.moved,
        total_credits_purchased = u.total_credits_purchased + t.purchased,
        total_credits_used = u.total_credits_used - t.refunded
    from (
        select
            p.user_id,
            sum(p.amount)::integer as moved,
            coalesce(sum(p.amount) filter (where p.type = 'PURCHASE'), 0)::integer as purchased,
            coalesce(sum(p.amount) filter (where p.type = 'REFUND'), 0)::integer as refunded
        from posted as p
        where p.type <> 'USAGE'
        group by p.user_id
    ) as t
    where u.id = t.user_id;
    return null;
end
$$;
