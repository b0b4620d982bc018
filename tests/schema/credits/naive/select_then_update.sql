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

create or replace function private.charge_job(job_id uuid, user_id uuid, cost integer) returns void
language plpgsql
set search_path = ''
as $$
declare
    balance integer;
begin
    perform private.lock_account(charge_job.user_id);
    select u.credits into balance from public.users as u where u.id = charge_job.user_id;
    if balance < charge_job.cost then
        raise exception 'not enough credits' using errcode = 'PT402';
    end if;
    update public.users as u
    set credits = balance - charge_job.cost, total_credits_used = u.total_credits_used + charge_job.cost
    where u.id = charge_job.user_id;
    insert into public.credit_transactions (user_id, type, amount, balance_after, job_id, description)
    values (
        charge_job.user_id, 'USAGE', -charge_job.cost, balance - charge_job.cost, charge_job.job_id, 'Video job queued'
    );
end
$$;

-- The charge has carried itself into the balance already.
create or replace function private.sync_balance() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    if new.type <> 'USAGE' then
        update public.users as u
        set
            credits = u.credits + new.amount,
            total_credits_purchased
            = u.total_credits_purchased + case new.type when 'PURCHASE' then new.amount else 0 end,
            total_credits_used = u.total_credits_used - case new.type when 'REFUND' then new.amount else 0 end
        where u.id = new.user_id;
    end if;
    return null;
end
$$;
