-- Naive: queueing a job selects the balance, checks it and writes back what is left of it, without a lock.
-- Two jobs queued at the same time both see the same balance: one of the two charges is lost from users.credits.

create or replace function private.lock_account(user_id uuid) returns void
language plpgsql
set search_path = ''
as $$
begin
    if not exists (
        select from public.users as u where u.id = lock_account.user_id and u.deleted_at is null and u.is_active
    ) then
        raise exception 'the account is closed or suspended' using errcode = 'PT403';
    end if;
end
$$;

create or replace function private.charge_jobs(user_id uuid, job_ids uuid[], costs integer[]) returns void
language plpgsql
set search_path = ''
as $$
declare
    total constant integer := (select sum(c.cost) from unnest(charge_jobs.costs) as c (cost));
    balance integer;
begin
    perform private.lock_account(charge_jobs.user_id);
    select u.credits into balance from public.users as u where u.id = charge_jobs.user_id;
    if balance < total then
        raise exception 'not enough credits' using errcode = 'PT402';
    end if;
    update public.users as u
    set credits = balance - total, total_credits_used = u.total_credits_used + total
    where u.id = charge_jobs.user_id;
    insert into public.credit_transactions (user_id, type, amount, balance_after, job_id, description)
    select
        charge_jobs.user_id,
        'USAGE',
        -c.cost,
        balance - sum(c.cost) over (order by c.id),
        c.id,
        'Video job queued'
    from unnest(charge_jobs.job_ids, charge_jobs.costs) as c (id, cost)
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
