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
        credits = u.credits + new.amount,
        total_credits_purchased = u.total_credits_purchased + case new.type when 'PURCHASE' then new.amount else 0 end,
        total_credits_used
        = u.total_credits_used - case when new.type in ('USAGE', 'REFUND') then new.amount else 0 end
    where u.id = new.user_id;
    return null;
end
$$;
