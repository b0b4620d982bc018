-- Naive: balance_after is computed before the user's row is locked. The sum still agrees, because the balance is
-- changed by the amount; but two entries made at the same time both continue the same one.

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

create or replace function private.post_entry(
    user_id uuid,
    type public.transaction_type,
    amount integer,
    job_id uuid default null,
    payment_id uuid default null,
    idempotency_key text default null,
    description text default null,
    metadata jsonb default '{}'
) returns bigint
language plpgsql
set search_path = ''
as $$
declare
    balance integer;
    entry_id bigint;
begin
    select u.credits + post_entry.amount into balance
    from public.users as u where u.id = post_entry.user_id;
    if not found then
        raise exception 'no such account' using errcode = 'PT404';
    end if;
    if balance < 0 then
        raise exception 'not enough credits' using errcode = 'PT402';
    end if;
    if balance > 100000000 and post_entry.amount > 0 then
        raise exception 'no account holds more than 100,000,000 credits' using errcode = 'PT409';
    end if;
    perform from public.users as u where u.id = post_entry.user_id for no key update;
    insert into public.credit_transactions (
        user_id, type, amount, balance_after, job_id, payment_id, idempotency_key, description, metadata
    ) values (
        post_entry.user_id, post_entry.type, post_entry.amount, balance, post_entry.job_id, post_entry.payment_id,
        post_entry.idempotency_key, post_entry.description, post_entry.metadata
    ) returning id into entry_id;
    return entry_id;
end
$$;

create or replace function private.sync_balance() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    update public.users as u
    set
        credits = u.credits + t.moved,
        total_credits_purchased = u.total_credits_purchased + t.purchased,
        total_credits_used = u.total_credits_used + t.used
    from (
        select
            p.user_id,
            sum(p.amount)::integer as moved,
            coalesce(sum(p.amount) filter (where p.type = 'PURCHASE'), 0)::integer as purchased,
            coalesce(-sum(p.amount) filter (where p.type in ('USAGE', 'REFUND')), 0)::integer as used
        from posted as p
        group by p.user_id
    ) as t
    where u.id = t.user_id;
    return null;
end
$$;

create or replace function private.charge_jobs(user_id uuid, job_ids uuid[], costs integer[]) returns void
language plpgsql
set search_path = ''
as $$
declare
    job pg_catalog.record;
begin
    perform private.lock_account(charge_jobs.user_id);
    for job in
        select
            c.id,
            c.cost
        from unnest(charge_jobs.job_ids, charge_jobs.costs) as c (id, cost)
        order by c.id
    loop
        perform private.post_entry(
            charge_jobs.user_id, 'USAGE', -job.cost, job_id => job.id, description => 'Video job queued'
        );
    end loop;
end
$$;

create or replace function private.refund_jobs(user_id uuid, job_ids uuid[], statuses text[]) returns void
language plpgsql
set search_path = ''
as $$
declare
    charged pg_catalog.record;
begin
    for charged in
        select
            t.job_id,
            -t.amount as credits
        from public.credit_transactions as t
        where t.job_id = any(refund_jobs.job_ids) and t.type = 'USAGE'
        order by t.job_id
    loop
        perform private.post_entry(
            refund_jobs.user_id, 'REFUND', charged.credits, job_id => charged.job_id,
            description => 'Video job failed or cancelled'
        );
    end loop;
    perform private.recover_debts(refund_jobs.user_id, refund_jobs.job_ids);
end
$$;
