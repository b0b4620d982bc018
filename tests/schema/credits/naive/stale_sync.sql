-- Naive: the balance is read, and later written as what was read plus the amount; nobody locks the user's row for an
-- entry. Queueing is safe by chance, because it locks the account first: two purchases at once, or one beside the
-- refund of a job, are not.

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
declare
    balance integer;
begin
    select u.credits into balance from public.users as u where u.id = new.user_id;
    update public.users as u
    set
        credits = balance + new.amount,
        total_credits_purchased = u.total_credits_purchased + case new.type when 'PURCHASE' then new.amount else 0 end,
        total_credits_used
        = u.total_credits_used - case when new.type in ('USAGE', 'REFUND') then new.amount else 0 end
    where u.id = new.user_id;
    return null;
end
$$;
