-- A busy shop, for the planner to choose in: 400 users, 30,000 jobs, 60,000 ledger entries, 20,000 payments, 20,000
-- webhooks and 30,000 API calls, the same in each run. An eighth of everything is Alice's; most jobs are done, most
-- webhooks processed. Triggers sleep and balances are not kept: only statistics matter here.

set local session_replication_role = replica;

create function pg_temp.share(number integer, salt integer) returns double precision
language sql immutable
as $$ select ((hashint4(number + salt * 1000000) & 65535) / 65536.0)::double precision $$;

-- The cube makes a few users own most rows.
create function pg_temp.owner_of(number integer, salt integer) returns uuid
language sql immutable
as $$
    select case floor(400 * pg_temp.share(number, salt) ^ 3)::integer
        when 0 then 'a11ce000-0000-4000-8000-000000000001'
        else md5('user ' || floor(400 * pg_temp.share(number, salt) ^ 3)::integer)
    end::uuid
$$;

insert into public.users (id, email, credits, total_credits_used)
select
    case n when 0 then 'a11ce000-0000-4000-8000-000000000001' else md5('user ' || n) end::uuid as id,
    'user' || n || '@example.com' as email,
    1000 as credits,
    1000 as total_credits_used
from generate_series(0, 399) as s (n);

insert into public.user_preferences (user_id)
select u.id from public.users as u;

insert into public.jobs (
    id,
    user_id,
    client_request_id,
    status,
    priority,
    progress_percentage,
    created_at,
    queued_at,
    started_at,
    completed_at,
    lease_expires_at
)
select
    md5('job ' || j.n)::uuid as id,
    j.user_id,
    'request-' || j.n as client_request_id,
    j.status,
    (j.n % 5)::smallint as priority,
    case j.status when 'COMPLETED' then 100 else 0 end::smallint as progress_percentage,
    j.created_at,
    case when j.status not in ('PENDING', 'UPLOADING') then j.created_at end as queued_at,
    case
        when j.status not in ('PENDING', 'UPLOADING', 'QUEUED', 'CANCELLED') then j.created_at + interval '40 seconds'
    end as started_at,
    case when j.status in ('COMPLETED', 'FAILED', 'CANCELLED') then j.created_at + interval '9 minutes' end
        as completed_at,
    case
        when j.status in ('TRANSCRIBING', 'ANALYZING', 'RENDERING')
            then case j.n % 10 when 0 then timestamptz '2025-03-01 00:00+00' else '2100-01-01 00:00+00' end
    end as lease_expires_at
from (
    select
        s.n,
        pg_temp.owner_of(s.n, 1) as user_id,
        timestamptz '2025-01-01 00:00+00' + s.n * interval '2 minutes' as created_at,
        case
            when pg_temp.share(s.n, 2) < 0.020 then 'QUEUED'
            when pg_temp.share(s.n, 2) < 0.027 then 'TRANSCRIBING'
            when pg_temp.share(s.n, 2) < 0.034 then 'ANALYZING'
            when pg_temp.share(s.n, 2) < 0.041 then 'RENDERING'
            when pg_temp.share(s.n, 2) < 0.050 then 'PENDING'
            when pg_temp.share(s.n, 2) < 0.055 then 'UPLOADING'
            when pg_temp.share(s.n, 2) < 0.095 then 'FAILED'
            when pg_temp.share(s.n, 2) < 0.135 then 'CANCELLED'
            else 'COMPLETED'
        end::public.job_status as status
    from generate_series(1, 30000) as s (n)
) as j;

insert into public.payments (
    id, user_id, package_id, provider, provider_transaction_id, amount_thb, credits_purchased, status, created_at,
    paid_at, refunded_at
)
select
    md5('payment ' || p.n)::uuid as id,
    pg_temp.owner_of(p.n, 3) as user_id,
    c.id as package_id,
    'STRIPE' as provider,
    'pi_' || p.n as provider_transaction_id,
    c.price_thb,
    c.credits,
    p.status::public.payment_status as status,
    p.created_at,
    case when p.status in ('COMPLETED', 'REFUNDED') then p.created_at end as paid_at,
    case p.status when 'REFUNDED' then p.created_at end as refunded_at
from (
    select
        s.n,
        coalesce((array['FAILED', 'FAILED', 'CANCELLED', 'REFUNDED', 'PENDING'])[1 + s.n % 25], 'COMPLETED') as status,
        timestamptz '2025-01-01 00:00+00' + s.n * interval '3 minutes' as created_at
    from generate_series(1, 20000) as s (n)
) as p
inner join public.credit_packages as c on p.n % 5 + 2 = c.sort_order;

insert into public.credit_transactions (user_id, type, amount, balance_after, job_id, created_at)
select
    j.user_id,
    t.type::public.transaction_type as type,
    t.amount,
    1000 as balance_after,
    j.id as job_id,
    j.created_at
from public.jobs as j
inner join (values ('USAGE', -1), ('REFUND', 1)) as t (type, amount)
    on t.type = 'USAGE' or j.status in ('FAILED', 'CANCELLED')
where j.queued_at is not null;

insert into public.credit_transactions (user_id, type, amount, balance_after, idempotency_key, created_at)
select
    pg_temp.owner_of(s.n, 4) as user_id,
    'BONUS' as type,
    1 as amount,
    1000 as balance_after,
    'bonus-' || s.n as idempotency_key,
    timestamptz '2025-01-01 00:00+00' + s.n * interval '2 minutes' as created_at
from generate_series(1, 29000) as s (n);

insert into public.webhook_logs (provider, event_id, event_type, processed, processed_at, created_at)
select
    'stripe' as provider,
    'evt_' || s.n as event_id,
    'payment_intent.succeeded' as event_type,
    s.n % 100 <> 0 as processed,
    case when s.n % 100 <> 0 then now() end as processed_at,
    timestamptz '2025-01-01 00:00+00' + s.n * interval '3 minutes' as created_at
from generate_series(1, 20000) as s (n);

insert into public.api_usage_logs (job_id, user_id, api_provider, tokens_used, cost_usd, created_at)
select
    j.id as job_id,
    j.user_id,
    (array['openai', 'replicate', 'assemblyai'])[1 + (hashtext(j.id::text) & 1)] as api_provider,
    1000 as tokens_used,
    0.018 as cost_usd,
    j.created_at
from public.jobs as j;
