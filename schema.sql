-- AutoCut Influencer: the database schema.
--
-- Browsers reach these tables through PostgREST as `anon` or `authenticated`, the backend as `service_role`. This file
-- is therefore the last line of defence for money (credits) and for other people's videos.
--
-- Apply it once, top to bottom, as a role like Supabase's `postgres`: not a superuser, with BYPASSRLS. A second run
-- stops at once, at the first type. Storage buckets and realtime are in storage.sql.
--
-- How credits are kept:
--   * credit_transactions is the ledger. Entries are added by triggers and by grant_credits, never changed, never
--     removed. users.credits is its running sum and equals the latest balance_after.
--   * Money moves in AFTER STATEMENT triggers, which see every row of the statement and take the users' rows in order
--     of id. Row triggers would take them in the order of the statement, and two batches over the same users could
--     then deadlock. A BEFORE trigger would also be wrong: its side effects survive ON CONFLICT DO NOTHING.
--   * search_path = '' does not keep pg_temp from being searched first for tables and types. So inside function bodies
--     types too are qualified, unless the grammar knows them (integer, boolean, interval): else a temporary type
--     named uuid, with a check of the attacker's, would run with the rights of the function's owner.
--   * Locks are taken in the order webhook, payment or job, user, ledger; several rows in the order (user_id, id).
--   * The user's row is locked FOR NO KEY UPDATE. FOR UPDATE would deadlock with the share lock that the foreign keys
--     of a concurrent insert take on the same row.
--
-- SQLSTATEs of our own, which PostgREST turns into the HTTP status of the same number:
--   PT402 not enough credits · PT403 the account is closed or suspended · PT404 no such account
--   PT405 the ledger is append-only · PT409 illegal transition or change · PT429 too many jobs

-- ---------------------------------------------------------------------------------------------------------------------
-- Extensions: none. gen_random_uuid() is built in.
-- ---------------------------------------------------------------------------------------------------------------------

do $$
begin
    if not (select r.rolbypassrls or r.rolsuper from pg_catalog.pg_roles as r where r.rolname = current_user) then
        raise exception 'schema.sql must be applied by a role with BYPASSRLS, and % has not', current_user
            using hint = 'The triggers run as the owner of their tables, which are under FORCE ROW LEVEL SECURITY.';
    end if;
end
$$;

-- A project may have a schema of this name already; what is in it, and who may use it, stays as it is.
do $$
begin
    if to_regnamespace('private') is null then
        create schema private;
        comment on schema private is 'What the API does not expose; no API role has USAGE here.';
        revoke all on schema private from public, anon, authenticated, service_role;
    end if;
end
$$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Types
-- ---------------------------------------------------------------------------------------------------------------------

create type public.job_status as enum (
    'PENDING', 'UPLOADING', 'QUEUED', 'TRANSCRIBING', 'ANALYZING', 'RENDERING', 'COMPLETED', 'FAILED', 'CANCELLED'
);
comment on type public.job_status is 'Where a job stands; private.move_job holds the legal transitions.';

create type public.transaction_type as enum ('PURCHASE', 'USAGE', 'REFUND', 'BONUS', 'ADJUSTMENT');
comment on type public.transaction_type is 'Why credits moved. REFUND returns the credits of a job, not of a payment.';

create type public.payment_status as enum ('PENDING', 'COMPLETED', 'FAILED', 'REFUNDED', 'CANCELLED');
comment on type public.payment_status is 'Where a payment stands; private.move_payment holds the legal transitions.';

create type public.payment_provider as enum ('STRIPE', 'PROMPTPAY', 'TRUEMONEY', 'MANUAL');
comment on type public.payment_provider is 'Who moved the money. MANUAL is entered by support and for the free trial.';

-- ---------------------------------------------------------------------------------------------------------------------
-- Default privileges: what is made from here on, by this file and later, is nobody's until it is granted.
-- ---------------------------------------------------------------------------------------------------------------------

-- The form with IN SCHEMA can not take EXECUTE back from PUBLIC; only this one can.
alter default privileges revoke execute on functions from public;
alter default privileges in schema public revoke all on tables from anon, authenticated, service_role;
alter default privileges in schema public revoke all on sequences from anon, authenticated, service_role;
alter default privileges in schema public revoke all on functions from anon, authenticated, service_role;
-- Of a schema that was there beforehand.
alter default privileges in schema private revoke all on tables from public, anon, authenticated, service_role;
alter default privileges in schema private revoke all on sequences from public, anon, authenticated, service_role;
alter default privileges in schema private revoke all on functions from public, anon, authenticated, service_role;

-- ---------------------------------------------------------------------------------------------------------------------
-- Tables
--
-- Upper bounds are written with BETWEEN on purpose: numeric 'NaN' is greater than every number, so that a lone
-- `>= 0` would let it in.
-- ---------------------------------------------------------------------------------------------------------------------

create table public.users (
    id uuid primary key,
    email text,
    full_name text,
    avatar_url text,
    credits integer not null default 0,
    total_credits_purchased integer not null default 0,
    total_credits_used integer not null default 0,
    subscription_tier text not null default 'free',
    subscription_expires_at timestamptz,
    is_active boolean not null default true,
    last_login_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    constraint users_email_is_short check (length(email) <= 320),
    constraint users_full_name_is_short check (length(full_name) <= 200),
    -- No line breaks and no marks that turn the direction of text: a name must look like what it is.
    constraint users_full_name_is_plain check (
        full_name !~ '[\u0001-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]'
    ),
    constraint users_avatar_url_is_short check (length(avatar_url) <= 2048),
    constraint users_avatar_url_is_web check (avatar_url ~* '^https?://[^[:space:][:cntrl:]<>"''`\\]+$'),
    constraint users_credits_not_negative check (credits >= 0),
    constraint users_total_purchased_not_negative check (total_credits_purchased >= 0),
    constraint users_total_used_not_negative check (total_credits_used >= 0),
    constraint users_tier_is_known check (subscription_tier in ('free', 'basic', 'pro', 'enterprise'))
) with (fillfactor = 90);
comment on table public.users is
'One row for each auth.users row, made by a trigger on sign-up. No foreign key to auth.users: deleting an account '
'closes and anonymises this row and must never take the ledger or the payments with it. email is not unique: '
'uniqueness would tell strangers who is registered. total_credits_purchased is gross of claw-backs, '
'total_credits_used net of refunds.';

create table public.credit_packages (
    id uuid primary key default gen_random_uuid(),
    name text not null,
    description text,
    credits integer not null,
    price_thb numeric(10, 2) not null,
    discount_percentage smallint not null default 0,
    is_popular boolean not null default false,
    is_active boolean not null default true,
    sort_order integer not null default 0,
    metadata jsonb not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint credit_packages_name_is_unique unique (name),
    constraint credit_packages_name_in_bounds check (length(name) between 1 and 100),
    constraint credit_packages_name_is_plain check (
        name !~ '[\u0001-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]'
    ),
    constraint credit_packages_description_is_short check (length(description) <= 1000),
    constraint credit_packages_credits_in_range check (credits between 1 and 100000),
    constraint credit_packages_price_in_range check (price_thb between 0 and 1000000),
    constraint credit_packages_discount_in_range check (discount_percentage between 0 and 100),
    constraint credit_packages_metadata_is_small_object check (
        jsonb_typeof(metadata) = 'object' and octet_length(metadata::text) <= 16384
    )
);
comment on table public.credit_packages is
'What is for sale. discount_percentage is a label for the shop, not a formula: price_thb is what the buyer pays.';

create table public.jobs (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references public.users (id),
    job_name text not null default 'Untitled video',
    priority smallint not null default 0,
    status public.job_status not null default 'PENDING',
    progress_percentage smallint not null default 0,
    current_step text,
    input_video_path text,
    path_changes smallint not null default 0,
    output_video_path text,
    thumbnail_path text,
    input_duration_seconds numeric(10, 3),
    output_duration_seconds numeric(10, 3),
    input_file_size_mb numeric(10, 2),
    output_file_size_mb numeric(10, 2),
    video_resolution text,
    transcription_json jsonb,
    analysis_json jsonb,
    replicate_prediction_id text,
    error_message text,
    retry_count smallint not null default 0,
    max_retries smallint not null default 3,
    credits_cost integer not null default 1,
    client_request_id text,
    worker_id text,
    attempt_token uuid,
    lease_expires_at timestamptz,
    next_attempt_at timestamptz,
    turn_at timestamptz,
    queued_at timestamptz,
    started_at timestamptz,
    completed_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    -- The target of the ledger's composite foreign key.
    constraint jobs_id_and_user_is_unique unique (id, user_id),
    constraint jobs_client_request_is_unique unique (user_id, client_request_id),
    -- Only what moves with a job is checked here: PostgreSQL reads every CHECK of a table anew for each statement, a
    -- claim included. The bounds of the other columns are checked when they are written, by private.check_job_values.
    constraint jobs_progress_in_range check (progress_percentage between 0 and 100),
    constraint jobs_current_step_is_short check (length(current_step) <= 200),
    -- A job at work without a lease could never be taken back from a dead worker.
    constraint jobs_at_work_has_lease check (
        -- Not NOT BETWEEN: a restored dump would have it with other parentheses.
        status < 'TRANSCRIBING' or status > 'RENDERING' or coalesce(isfinite(lease_expires_at), false)
    ),
    -- COMPLETED, FAILED and CANCELLED.
    constraint jobs_terminal_has_completion check ((status >= 'COMPLETED') = (completed_at is not null)),
    constraint jobs_completed_is_whole check (status <> 'COMPLETED' or progress_percentage = 100),
    constraint jobs_times_in_order check (
        queued_at >= created_at and started_at >= coalesce(queued_at, created_at)
        and completed_at >= coalesce(started_at, queued_at, created_at)
    )
) with (fillfactor = 85);
comment on table public.jobs is
'Videos to cut. Queueing a job costs credits_cost credits; failing or cancelling one that was charged returns them. '
'Progress updates stay HOT: leave room in the page and never index progress_percentage or updated_at. Open channels '
'of PostgreSQL itself, here and in every table: the planner''s estimates (EXPLAIN, count=planned) tell roughly how '
'many rows a known user id has and whether a value is common; pg_class and query times tell how much there is in all.';

comment on column public.jobs.job_name is '1 to 200 characters, no line breaks, no marks of direction.';
comment on column public.jobs.priority is '-100 to 100, higher first.';
comment on column public.jobs.input_video_path is 'In the owner''s folder of raw-videos: private.is_own_path.';
comment on column public.jobs.path_changes is
'How often input_video_path was changed since it was first set: 3 times at most, for each path admits one upload.';
comment on column public.jobs.output_video_path is 'In the owner''s folder of final-videos: private.is_own_path.';
comment on column public.jobs.thumbnail_path is 'In the owner''s folder of thumbnails: private.is_own_path.';
comment on column public.jobs.input_duration_seconds is '0 to 1,000,000.';
comment on column public.jobs.output_duration_seconds is '0 to 1,000,000.';
comment on column public.jobs.input_file_size_mb is '0 to 1,000,000.';
comment on column public.jobs.output_file_size_mb is '0 to 1,000,000.';
comment on column public.jobs.video_resolution is 'At most 20 characters.';
comment on column public.jobs.transcription_json is 'An object or an array, at most 8 MiB.';
comment on column public.jobs.analysis_json is 'An object or an array, at most 8 MiB.';
comment on column public.jobs.replicate_prediction_id is '1 to 200 characters; belongs to one job.';
comment on column public.jobs.error_message is 'At most 4,000 characters.';
comment on column public.jobs.retry_count is '0 to max_retries.';
comment on column public.jobs.max_retries is '0 to 10.';
comment on column public.jobs.worker_id is '1 to 200 characters.';
comment on column public.jobs.attempt_token is
'Who works on it: each attempt has another, made when it begins. Only what names it may change a job at work.';
comment on column public.jobs.turn_at is
'Where in the queue it stands, within a priority, if not where queued_at says: private.take_turn.';
comment on column public.jobs.credits_cost is '1 to 1,000 credits.';
comment on column public.jobs.client_request_id is '1 to 100 characters; one job per user and request.';

create table public.payments (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references public.users (id),
    package_id uuid references public.credit_packages (id),
    provider public.payment_provider not null,
    provider_transaction_id text,
    amount_thb numeric(10, 2) not null,
    credits_purchased integer not null,
    status public.payment_status not null default 'PENDING',
    payment_method text,
    metadata jsonb not null default '{}',
    paid_at timestamptz,
    refunded_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    -- The target of the ledger's composite foreign key.
    constraint payments_id_and_user_is_unique unique (id, user_id),
    constraint payments_package_unless_manual check (package_id is not null or provider = 'MANUAL'),
    constraint payments_transaction_id_is_short check (length(provider_transaction_id) between 1 and 255),
    constraint payments_paid_has_transaction check (
        status not in ('COMPLETED', 'REFUNDED') or provider = 'MANUAL' or provider_transaction_id is not null
    ),
    constraint payments_amount_in_range check (amount_thb between 0 and 1000000),
    constraint payments_credits_in_range check (credits_purchased between 1 and 100000),
    constraint payments_method_is_short check (length(payment_method) <= 100),
    -- The shortfall that a claw-back records must always fit.
    constraint payments_metadata_is_small_object check (
        jsonb_typeof(metadata) = 'object' and octet_length((metadata - 'shortfall')::text) <= 16384
        and octet_length((metadata -> 'shortfall')::text) <= 20
    ),
    constraint payments_paid_at_when_paid check ((status in ('COMPLETED', 'REFUNDED')) = (paid_at is not null)),
    constraint payments_refunded_at_when_refunded check ((status = 'REFUNDED') = (refunded_at is not null))
);
comment on table public.payments is
'Orders. amount_thb and credits_purchased are a snapshot of the package at the time of sale and never change. A '
'payment without a package is a custom sale that support enters by hand.';

create table public.credit_transactions (
    id bigint generated always as identity primary key,
    user_id uuid not null references public.users (id),
    type public.transaction_type not null,
    amount integer not null,
    balance_after integer not null,
    job_id uuid,
    payment_id uuid,
    idempotency_key text,
    description text,
    metadata jsonb not null default '{}',
    created_at timestamptz not null default clock_timestamp(),
    -- Somebody else's job or payment can not be named.
    constraint credit_transactions_job_is_own
    foreign key (job_id, user_id) references public.jobs (id, user_id),
    constraint credit_transactions_payment_is_own
    foreign key (payment_id, user_id) references public.payments (id, user_id),
    -- At most one USAGE and one REFUND per job, one PURCHASE and one claw-back per payment.
    constraint credit_transactions_job_once unique (job_id, type),
    constraint credit_transactions_payment_once unique (payment_id, type),
    constraint credit_transactions_key_once unique (idempotency_key),
    constraint credit_transactions_sign_follows_type check (
        case type
            when 'USAGE' then amount < 0
            when 'ADJUSTMENT' then amount <> 0
            else amount > 0
        end
    ),
    constraint credit_transactions_balance_not_negative check (balance_after >= 0),
    constraint credit_transactions_job_when_used check ((type in ('USAGE', 'REFUND')) = (job_id is not null)),
    constraint credit_transactions_payment_when_paid check (
        case type
            when 'PURCHASE' then payment_id is not null
            when 'ADJUSTMENT' then payment_id is null or amount < 0
            else payment_id is null
        end
    ),
    constraint credit_transactions_key_is_short check (length(idempotency_key) between 1 and 200),
    constraint credit_transactions_description_is_short check (length(description) <= 500),
    constraint credit_transactions_metadata_is_small_object check (
        jsonb_typeof(metadata) = 'object' and octet_length(metadata::text) <= 16384
    )
);
comment on table public.credit_transactions is
'The ledger: append-only, also for its owner. Within a user, ids rise in the order of posting, because the user''s '
'row is locked first. An open channel: the ids are drawn from one sequence, so gaps between a user''s own entries '
'tell how many entries all users together made in between; never whose or what. After a restore with '
'--disable-triggers say again: alter table public.credit_transactions enable always trigger '
'credit_transactions_append_only, and the same of credit_transactions_keep_description.';

create table public.user_preferences (
    user_id uuid primary key references public.users (id) on delete cascade,
    default_aspect_ratio text not null default '9:16',
    default_subtitle_style text not null default 'standard',
    enable_sound_fx boolean not null default true,
    enable_jump_cuts boolean not null default true,
    email_on_job_complete boolean not null default true,
    email_on_job_failed boolean not null default true,
    email_marketing boolean not null default false,
    theme text not null default 'auto',
    language text not null default 'th',
    preferences_json jsonb not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint user_preferences_aspect_ratio_is_known check (default_aspect_ratio in ('9:16', '16:9', '1:1', '4:5')),
    constraint user_preferences_subtitle_style_is_known check (
        default_subtitle_style in ('standard', 'highlight', 'animated')
    ),
    constraint user_preferences_theme_is_known check (theme in ('light', 'dark', 'auto')),
    constraint user_preferences_language_is_known check (language in ('th', 'en')),
    constraint user_preferences_json_is_small_object check (
        jsonb_typeof(preferences_json) = 'object' and octet_length(preferences_json::text) <= 16384
    )
);
comment on table public.user_preferences is 'Settings of the editor and of e-mails. email_marketing is opt-in.';

create table public.webhook_logs (
    id bigint generated always as identity primary key,
    provider text not null,
    event_id text not null,
    event_type text not null,
    payload jsonb not null default '{}',
    headers jsonb not null default '{}',
    processed boolean not null default false,
    processed_at timestamptz,
    error_message text,
    job_id uuid references public.jobs (id) on delete set null,
    payment_id uuid references public.payments (id) on delete set null,
    created_at timestamptz not null default now(),
    constraint webhook_logs_event_is_unique unique (provider, event_id),
    constraint webhook_logs_provider_in_bounds check (length(provider) between 1 and 50),
    constraint webhook_logs_event_id_in_bounds check (length(event_id) between 1 and 255),
    constraint webhook_logs_event_type_in_bounds check (length(event_type) between 1 and 100),
    constraint webhook_logs_payload_is_bounded check (
        jsonb_typeof(payload) in ('object', 'array') and octet_length(payload::text) <= 1048576
    ),
    constraint webhook_logs_headers_is_small_object check (
        jsonb_typeof(headers) = 'object' and octet_length(headers::text) <= 65536
    ),
    constraint webhook_logs_processed_has_time check (processed = (processed_at is not null)),
    constraint webhook_logs_error_message_is_short check (length(error_message) <= 4000)
);
comment on table public.webhook_logs is
'Every event that a provider sent; (provider, event_id) recognises a replay. Headers that carry secrets are redacted '
'by a trigger before the row is stored.';

create table public.api_usage_logs (
    id bigint generated always as identity primary key,
    job_id uuid references public.jobs (id) on delete set null,
    user_id uuid references public.users (id) on delete set null,
    api_provider text not null,
    api_endpoint text,
    tokens_used integer not null default 0,
    processing_time_seconds numeric(12, 3) not null default 0,
    cost_usd numeric(12, 6) not null default 0,
    request_metadata jsonb not null default '{}',
    response_metadata jsonb not null default '{}',
    created_at timestamptz not null default now(),
    constraint api_usage_logs_provider_in_bounds check (length(api_provider) between 1 and 50),
    constraint api_usage_logs_endpoint_is_short check (length(api_endpoint) <= 500),
    constraint api_usage_logs_tokens_not_negative check (tokens_used >= 0),
    constraint api_usage_logs_time_in_range check (processing_time_seconds between 0 and 100000000),
    constraint api_usage_logs_cost_in_range check (cost_usd between 0 and 100000),
    constraint api_usage_logs_request_is_small_object check (
        jsonb_typeof(request_metadata) = 'object' and octet_length(request_metadata::text) <= 65536
    ),
    constraint api_usage_logs_response_is_small_object check (
        jsonb_typeof(response_metadata) = 'object' and octet_length(response_metadata::text) <= 65536
    )
);
comment on table public.api_usage_logs is 'What calls to AI providers cost us.';

create table private.column_privacy (
    table_name text not null,
    column_name text not null,
    is_personal boolean not null,
    primary key (table_name, column_name)
);
comment on table private.column_privacy is
'Every text, json, array and binary column of this schema, and whether it may hold what a person wrote or is known '
'by. What is personal is emptied by private.erase_account; a test reads the catalog and fails for a column that is '
'not listed.';
insert into private.column_privacy (is_personal, table_name, column_name)
select
    l.is_personal,
    l.table_name,
    c.column_name
from (
    values
    (true, 'users', '{email, full_name, avatar_url}'::text[]),
    (false, 'users', '{subscription_tier}'),
    (false, 'credit_packages', '{name, description, metadata}'),
    (true, 'jobs', '{job_name, current_step, input_video_path, output_video_path, thumbnail_path, transcription_json}'),
    (true, 'jobs', '{analysis_json, replicate_prediction_id, error_message, client_request_id}'),
    (false, 'jobs', '{video_resolution, worker_id}'),
    (true, 'payments', '{payment_method, metadata}'),
    -- Refunds and chargebacks come under the provider's number, years later.
    (false, 'payments', '{provider_transaction_id}'),
    (true, 'credit_transactions', '{description}'),
    -- Written by the triggers (numbers, ids) and by the backend (a key must stay to be recognised).
    (false, 'credit_transactions', '{metadata, idempotency_key}'),
    (true, 'user_preferences', '{preferences_json}'),
    (false, 'user_preferences', '{default_aspect_ratio, default_subtitle_style, theme, language}'),
    (true, 'webhook_logs', '{payload, headers, error_message}'),
    (false, 'webhook_logs', '{provider, event_id, event_type}'),
    (true, 'api_usage_logs', '{request_metadata, response_metadata}'),
    (false, 'api_usage_logs', '{api_provider, api_endpoint}'),
    (true, 'debts', '{description}'),
    (false, 'debts', '{kind, idempotency_key}'),
    (true, 'partial_refunds', '{description}'),
    (false, 'partial_refunds', '{idempotency_key}'),
    -- A hash that nobody can undo without the key.
    (false, 'trial_takers', '{person}'),
    (false, 'secrets', '{name, value}'),
    (false, 'column_privacy', '{table_name, column_name}')
) as l (is_personal, table_name, column_names)
cross join lateral unnest(l.column_names) as c (column_name);

create table private.secrets (
    name text primary key,
    value bytea not null
);
comment on table private.secrets is
'Keys of hashes, made when this file is applied. Who has one could guess what was hashed.';
-- 244 random bits: a uuid has 122.
insert into private.secrets (name, value)
values ('person', decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'));

create table private.trial_takers (
    person bytea primary key,
    taken_at timestamptz not null default now()
);
comment on table private.trial_takers is
'Who has taken the free trial: keyed hashes of normalised addresses and phone numbers. They outlive the account, and '
'without the key they tell nothing.';

create table private.debts (
    id bigint generated always as identity primary key,
    user_id uuid not null references public.users (id),
    payment_id uuid not null references public.payments (id),
    kind text not null,
    credits integer not null,
    after_entry bigint,
    is_partial boolean not null default false,
    shortfall_id bigint references private.debts (id),
    description text,
    idempotency_key text,
    created_at timestamptz not null default clock_timestamp(),
    constraint debts_key_once unique (idempotency_key),
    constraint debts_kind_is_known check (kind in ('shortfall', 'recovered', 'settled')),
    constraint debts_credits_positive check (credits > 0),
    constraint debts_shortfall_has_place check ((kind = 'shortfall') = (after_entry is not null)),
    constraint debts_reduction_has_shortfall check ((kind = 'shortfall') = (shortfall_id is null)),
    constraint debts_key_is_short check (length(idempotency_key) between 1 and 200),
    constraint debts_description_is_short check (length(description) <= 500)
);
comment on table private.debts is
'What users owe us after refunds: credits that were spent when their payment was refunded (shortfall), less what was '
'taken from credits that jobs gave back (recovered) and what support settled or forgave (settled). Lines are added, '
'never changed but for the description, which erasure empties. after_entry is the user''s last ledger entry at the '
'time of the refund: what was spent later was not spent of that payment. Each line that lowers a debt names its '
'shortfall; is_partial tells those of partial refunds, which a won dispute leaves alone.';
create index debts_user_idx on private.debts (user_id);
create index debts_payment_idx on private.debts (payment_id);
create index debts_shortfall_idx on private.debts (shortfall_id);

create table private.partial_refunds (
    id bigint generated always as identity primary key,
    payment_id uuid not null references public.payments (id),
    credits integer not null,
    description text,
    idempotency_key text not null,
    created_at timestamptz not null default clock_timestamp(),
    constraint partial_refunds_key_once unique (idempotency_key),
    constraint partial_refunds_credits_positive check (credits > 0),
    constraint partial_refunds_key_is_short check (length(idempotency_key) between 1 and 200),
    constraint partial_refunds_description_is_short check (length(description) <= 500)
);
comment on table private.partial_refunds is 'Credits that went back with a part of a payment''s money.';
create index partial_refunds_payment_idx on private.partial_refunds (payment_id);

-- ---------------------------------------------------------------------------------------------------------------------
-- Indexes: each serves a query named above it or covers a foreign key.
-- ---------------------------------------------------------------------------------------------------------------------

-- Next job: claim_next_jobs. Jobs that wait for their next attempt are in an index of their own: a claim walks past
-- none.
create index jobs_next_idx on public.jobs (priority desc, (coalesce(turn_at, queued_at)), id)
where status = 'QUEUED' and next_attempt_at is null;
-- Jobs whose next attempt is due: claim_next_jobs, reclaim_expired_jobs.
create index jobs_retry_idx on public.jobs (next_attempt_at) where status = 'QUEUED' and next_attempt_at is not null;
-- Expired leases: reclaim_expired_jobs.
create index jobs_lease_idx on public.jobs (lease_expires_at)
where status in ('TRANSCRIBING', 'ANALYZING', 'RENDERING');
-- A prediction belongs to one job. Partial on purpose: an UPDATE of a column of a full unique index locks FOR UPDATE,
-- against the share locks of foreign keys, and two webhooks for one job or payment would deadlock.
create unique index jobs_prediction_is_unique on public.jobs (replicate_prediction_id)
where replicate_prediction_id is not null;
-- A user's jobs, newest first; foreign key to users.
create index jobs_user_newest_idx on public.jobs (user_id, created_at desc, id desc);
-- Unpaid jobs of a user: counted at every insert.
create index jobs_unpaid_idx on public.jobs (user_id) where status in ('PENDING', 'UPLOADING');
-- A user's turns in the queue: private.take_turn.
create index jobs_turn_idx on public.jobs (user_id, (coalesce(turn_at, queued_at))) where status = 'QUEUED';
-- job_queue_status.
create index jobs_status_idx on public.jobs (status, queued_at desc nulls last);
-- The ledger of a user, latest entry first; foreign key to users.
create index credit_transactions_user_latest_idx on public.credit_transactions (user_id, id desc);
-- A provider's transaction is one payment. Not partial: supabase-js upserts can not name a partial index. So setting
-- provider_transaction_id locks FOR UPDATE; private.clean_webhook keeps two webhooks of one payment from deadlocking.
create unique index payments_provider_transaction_is_unique on public.payments (provider, provider_transaction_id);
-- Payments of a user, newest first; foreign key to users.
create index payments_user_newest_idx on public.payments (user_id, created_at desc);
-- Stale pending payments.
create index payments_pending_idx on public.payments (created_at) where status = 'PENDING';
-- Foreign key to credit_packages.
create index payments_package_idx on public.payments (package_id);
-- One trial per user. A refunded trial counts: else it could be taken, spent and refunded again and again. Without a
-- package it is no trial but a gift that support entered.
create unique index payments_one_trial_per_user on public.payments (user_id)
where amount_thb = 0 and package_id is not null and status in ('COMPLETED', 'REFUNDED');
-- Money received, by day.
create index payments_paid_idx on public.payments (paid_at) where paid_at is not null;
-- The ledger by date: entries are added in the order of time, so that a BRIN index finds them, and costs next to
-- nothing. Of several intervals for each range, because erasure moves old rows among new ones.
create index credit_transactions_created_idx
on public.credit_transactions using brin (created_at timestamptz_minmax_multi_ops)
with (pages_per_range = 16, autosummarize = on);
-- Users by e-mail: find_users.
create index users_email_idx on public.users (lower(email)) where email is not null;
-- Paid tiers that end: expiring_subscriptions, expire_subscriptions.
create index users_subscription_idx on public.users (subscription_expires_at)
where subscription_expires_at is not null and subscription_tier <> 'free' and deleted_at is null;
-- Webhooks by date: purge_logs.
create index webhook_logs_created_idx on public.webhook_logs (created_at) where processed;
-- Unprocessed webhooks.
create index webhook_logs_unprocessed_idx on public.webhook_logs (created_at) where not processed;
-- Foreign keys to jobs and payments.
create index webhook_logs_job_idx on public.webhook_logs (job_id);
create index webhook_logs_payment_idx on public.webhook_logs (payment_id);
-- API cost per day and provider.
create index api_usage_logs_cost_idx on public.api_usage_logs (created_at, api_provider) include (cost_usd);
-- Foreign keys to jobs and users.
create index api_usage_logs_job_idx on public.api_usage_logs (job_id);
create index api_usage_logs_user_idx on public.api_usage_logs (user_id);

-- ---------------------------------------------------------------------------------------------------------------------
-- Functions: timestamps and states
-- ---------------------------------------------------------------------------------------------------------------------

create function private.set_updated_at() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    new.updated_at := clock_timestamp();
    return new;
end
$$;
comment on function private.set_updated_at() is 'Stamps updated_at, whatever the client sent.';

create function private.start_job() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    if new.status not in ('PENDING', 'UPLOADING', 'QUEUED') then
        raise exception 'a job can not start as %', new.status
            using errcode = case when row_security_active('public.jobs') then '42501' else 'PT409' end;
    end if;
    if new.status = 'QUEUED' and new.input_video_path is null then
        raise exception 'a job without its input_video_path can not be queued' using errcode = 'PT409';
    end if;
    new.created_at := clock_timestamp();
    new.updated_at := new.created_at;
    new.queued_at := case when new.status = 'QUEUED' then new.created_at end;
    new.started_at := null;
    new.completed_at := null;
    new.turn_at := null;
    new.path_changes := 0;
    new.worker_id := null;
    new.attempt_token := null;
    new.lease_expires_at := null;
    return new;
end
$$;
comment on function private.start_job() is
'The first state of a job, and its timestamps. A status that is never the client''s to write is refused to a client '
'as forbidden (42501), to the backend as a conflict (PT409): this trigger runs before the policy''s WITH CHECK would.';

create function private.move_job() returns trigger
language plpgsql
set search_path = ''
as $$
declare
    is_legal constant boolean := case old.status
        when new.status then true
        when 'PENDING' then new.status in ('UPLOADING', 'QUEUED', 'CANCELLED', 'FAILED')
        when 'UPLOADING' then new.status in ('QUEUED', 'CANCELLED', 'FAILED')
        when 'QUEUED' then new.status in ('TRANSCRIBING', 'CANCELLED', 'FAILED')
        when 'TRANSCRIBING' then new.status in ('ANALYZING', 'QUEUED', 'FAILED', 'CANCELLED')
        when 'ANALYZING' then new.status in ('RENDERING', 'QUEUED', 'FAILED', 'CANCELLED')
        when 'RENDERING' then new.status in ('COMPLETED', 'QUEUED', 'FAILED', 'CANCELLED')
        else false
    end;
    is_retry constant boolean := new.status = 'QUEUED' and old.status in ('TRANSCRIBING', 'ANALYZING', 'RENDERING');
    -- Never before an earlier stamp, even if the clock was set back.
    moment constant pg_catalog.timestamptz := greatest(clock_timestamp(), old.created_at, old.queued_at, old.started_at);
begin
    if (new.created_at, new.queued_at, new.started_at, new.completed_at, new.attempt_token, new.path_changes)
        is distinct from (
            old.created_at, old.queued_at, old.started_at, old.completed_at, old.attempt_token, old.path_changes
        )
    then
        new.created_at := old.created_at;
        new.queued_at := old.queued_at;
        new.started_at := old.started_at;
        new.completed_at := old.completed_at;
        new.attempt_token := old.attempt_token;
        new.path_changes := old.path_changes;
    end if;
    -- Asked as one: PL/pgSQL begins each expression anew in each transaction, and a claim breaks none of these rules.
    if new.id <> old.id or new.user_id <> old.user_id or new.credits_cost <> old.credits_cost
        or new.input_video_path is distinct from old.input_video_path
        or new.progress_percentage < old.progress_percentage or length(new.worker_id) not between 1 and 200
    then
        if new.id <> old.id or new.user_id <> old.user_id then
            raise exception 'a job never changes its id or its owner' using errcode = 'PT409';
        end if;
        if new.credits_cost <> old.credits_cost and old.status not in ('PENDING', 'UPLOADING') then
            raise exception 'credits_cost is frozen once a job is queued' using errcode = 'PT409';
        end if;
        if new.input_video_path is distinct from old.input_video_path
            and old.status not in ('PENDING', 'UPLOADING')
            -- Erasure takes it from jobs that are over.
            and not (new.input_video_path is null and old.status in ('COMPLETED', 'FAILED', 'CANCELLED'))
        then
            raise exception 'input_video_path is frozen once a job is queued' using errcode = 'PT409';
        end if;
        if new.input_video_path is distinct from old.input_video_path and old.status in ('PENDING', 'UPLOADING') then
            -- Each path admits an upload: else one job could fill the bucket.
            new.path_changes := (old.path_changes + (old.input_video_path is not null)::integer)::smallint;
            if new.path_changes > 3 then
                raise exception 'a job changes its video 3 times at most' using errcode = 'PT429';
            end if;
        end if;
        if new.progress_percentage < old.progress_percentage and not is_retry then
            raise exception 'progress never falls within an attempt' using errcode = 'PT409';
        end if;
        -- Here and not in check_job_values, which each claim would call then.
        if length(new.worker_id) not between 1 and 200 then
            raise exception 'the name of a worker has 1 to 200 characters'
                using errcode = '23514', constraint = 'jobs_worker_is_short', table = 'jobs', schema = 'public';
        end if;
    end if;
    new.updated_at := clock_timestamp();
    if not is_legal then
        raise exception 'a job can not go from % to %', old.status, new.status
            using errcode = case
                -- What else is a client's to write, it may from each state in which the policy shows it a job.
                when row_security_active('public.jobs') and new.status not in ('PENDING', 'UPLOADING') then '42501'
                else 'PT409'
            end;
    end if;

    if new.status in ('QUEUED', 'FAILED', 'CANCELLED') then
        -- What was not paid for, or paid back, is not delivered; what a late worker still writes, neither. Nor is what
        -- an attempt left that is over: a job that is in the queue again can be cancelled by its user.
        new.transcription_json := null;
        new.analysis_json := null;
        new.output_video_path := null;
        new.thumbnail_path := null;
    end if;
    if new.status = old.status then
        return new;
    end if;

    if new.status = 'TRANSCRIBING' then
        new.started_at := moment;
        new.attempt_token := gen_random_uuid();
        new.lease_expires_at := coalesce(new.lease_expires_at, moment + interval '15 minutes');
        new.next_attempt_at := null;
    elsif new.status = 'QUEUED' then
        if new.input_video_path is null then
            raise exception 'a job without its input_video_path can not be queued' using errcode = 'PT409';
        end if;
        new.queued_at := moment;
    elsif new.status in ('COMPLETED', 'FAILED', 'CANCELLED') then
        if new.status = 'COMPLETED' then
            if new.output_video_path is null then
                raise exception 'a job is not complete without its output_video_path' using errcode = 'PT409';
            end if;
            new.progress_percentage := 100;
        end if;
        new.completed_at := moment;
        new.worker_id := null;
        new.attempt_token := null;
        new.lease_expires_at := null;
    end if;
    if is_retry then
        if old.retry_count >= new.max_retries then
            raise exception 'the job has used its % retries', new.max_retries using errcode = 'PT409';
        end if;
        new.retry_count := (old.retry_count + 1)::smallint;
        new.next_attempt_at := moment + least(interval '30 seconds' * 2 ^ old.retry_count, interval '1 hour');
        new.worker_id := null;
        new.attempt_token := null;
        new.lease_expires_at := null;
        new.started_at := null;
        new.progress_percentage := 0;
        new.current_step := null;
        -- Of the attempt that is over: its prediction may still call back, and must not find the next one.
        new.replicate_prediction_id := null;
        new.error_message := null;
    end if;
    return new;
end
$$;
comment on function private.move_job() is
'The states of a job, for everyone, service_role too; what is frozen; the timestamps. A retry clears the lease, '
'resets progress and waits 30 s, 1 min, 2 min … 1 h. Clients get 42501 for a status that is never theirs to write, '
'as in start_job.';

create function private.is_own_path(path text, user_id uuid) returns boolean
language plpgsql immutable
set search_path = ''
as $$
begin
    return starts_with(is_own_path.path, is_own_path.user_id::pg_catalog.text || '/')
        and is_own_path.path ~ '^[-A-Za-z0-9_!.*''() &$@=;:+,/]+$'
        and is_own_path.path !~ '(^|/)(\.{0,2}([/;]|$)| )| (/|$)'
        and length(is_own_path.path) <= 1024;
end
$$;
comment on function private.is_own_path(text, uuid) is
'A path in its owner''s folder, of the characters that Storage takes in keys, without those that a URL parser reads '
'otherwise (percent, question mark, hash, backslash, control characters), and without an empty, `.` or `..` segment '
'(what follows a semicolon does not count) or one that begins or ends with a space. storage.sql says the same of '
'uploads.';

create function private.check_job_values() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    violated constant pg_catalog.text := case
        when length(new.job_name) not between 1 and 200 then 'jobs_name_in_bounds'
        when
            new.job_name ~ '[\u0001-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]'
            then 'jobs_name_is_plain'
        when new.priority not between -100 and 100 then 'jobs_priority_in_range'
        when
            new.input_video_path is not null and not private.is_own_path(new.input_video_path, new.user_id)
            then 'jobs_input_path_is_own'
        when
            new.output_video_path is not null and not private.is_own_path(new.output_video_path, new.user_id)
            then 'jobs_output_path_is_own'
        when
            new.thumbnail_path is not null and not private.is_own_path(new.thumbnail_path, new.user_id)
            then 'jobs_thumbnail_path_is_own'
        when new.input_duration_seconds not between 0 and 1000000 then 'jobs_input_duration_in_range'
        when new.output_duration_seconds not between 0 and 1000000 then 'jobs_output_duration_in_range'
        when new.input_file_size_mb not between 0 and 1000000 then 'jobs_input_size_in_range'
        when new.output_file_size_mb not between 0 and 1000000 then 'jobs_output_size_in_range'
        when length(new.video_resolution) > 20 then 'jobs_resolution_is_short'
        when length(new.replicate_prediction_id) not between 1 and 200 then 'jobs_prediction_id_is_short'
        when length(new.error_message) > 4000 then 'jobs_error_message_is_short'
        when new.max_retries not between 0 and 10 then 'jobs_max_retries_in_range'
        when new.retry_count not between 0 and new.max_retries then 'jobs_retries_within_limit'
        when length(new.worker_id) not between 1 and 200 then 'jobs_worker_is_short'
        when new.credits_cost not between 1 and 1000 then 'jobs_cost_in_range'
        when length(new.client_request_id) not between 1 and 100 then 'jobs_client_request_is_short'
        when pg_column_size(new.transcription_json) > 8388608 then 'jobs_transcription_is_bounded'
        when jsonb_typeof(new.transcription_json) not in ('object', 'array') then 'jobs_transcription_is_document'
        when pg_column_size(new.analysis_json) > 8388608 then 'jobs_analysis_is_bounded'
        when jsonb_typeof(new.analysis_json) not in ('object', 'array') then 'jobs_analysis_is_document'
    end;
begin
    if violated is not null then
        raise exception 'a value of the job is out of its bounds: %', violated
            using errcode = '23514', constraint = violated, table = 'jobs', schema = 'public';
    end if;
    return new;
end
$$;
comment on function private.check_job_values() is
'The bounds of the columns of a job that do not move with its state, under the names of constraints. A CHECK on the '
'table would be read anew by each claim and heartbeat. SECURITY DEFINER because clients can not name what is private.';

create function private.start_payment() returns trigger
language plpgsql
set search_path = ''
as $$
declare
    existing public.payments;
    package public.credit_packages;
begin
    new.created_at := clock_timestamp();
    new.updated_at := new.created_at;
    new.paid_at := case when new.status in ('COMPLETED', 'REFUNDED') then new.created_at end;
    new.refunded_at := case when new.status = 'REFUNDED' then new.created_at end;
    select p.* into existing
    from public.payments as p
    where
        p.id = new.id
        or (p.provider = new.provider and p.provider_transaction_id = new.provider_transaction_id);
    if found then
        -- An upsert: this row will not be inserted, and the package may cost something else by now. PostgreSQL checks
        -- constraints before it looks for the conflict, so that what was left out must be there.
        new.user_id := coalesce(new.user_id, existing.user_id);
        new.package_id := coalesce(new.package_id, existing.package_id);
        new.provider_transaction_id := coalesce(new.provider_transaction_id, existing.provider_transaction_id);
        new.amount_thb := coalesce(new.amount_thb, existing.amount_thb);
        new.credits_purchased := coalesce(new.credits_purchased, existing.credits_purchased);
        return new;
    end if;
    if new.status not in ('PENDING', 'COMPLETED', 'FAILED') then
        raise exception 'a payment can not start as %', new.status using errcode = 'PT409';
    end if;
    select p.* into package from public.credit_packages as p where p.id = new.package_id;
    if found then
        new.amount_thb := coalesce(new.amount_thb, package.price_thb);
        new.credits_purchased := coalesce(new.credits_purchased, package.credits);
        if not package.is_active then
            raise exception 'the package is not for sale' using errcode = 'PT409';
        end if;
        if (new.amount_thb, new.credits_purchased) is distinct from (package.price_thb, package.credits) then
            raise exception 'amount or credits do not match the package' using errcode = 'PT409';
        end if;
    end if;
    return new;
end
$$;
comment on function private.start_payment() is
'Takes the snapshot of the package, or refuses one that does not match; the first state of a payment; its timestamps. '
'A row that is there already, as in an upsert, is left to private.move_payment.';

create function private.move_payment() returns trigger
language plpgsql
set search_path = ''
as $$
declare
    is_legal constant boolean := case old.status
        when new.status then true
        when 'PENDING' then new.status in ('COMPLETED', 'FAILED', 'CANCELLED')
        -- Late money: PromptPay may confirm after we gave up, or after the buyer did.
        when 'FAILED' then new.status = 'COMPLETED'
        when 'CANCELLED' then new.status = 'COMPLETED'
        when 'COMPLETED' then new.status = 'REFUNDED'
        else false
    end;
begin
    if (new.id, new.user_id, new.package_id, new.provider, new.amount_thb, new.credits_purchased)
        is distinct from (old.id, old.user_id, old.package_id, old.provider, old.amount_thb, old.credits_purchased)
    then
        raise exception 'owner, package, provider, amount and credits of a payment never change'
            using errcode = 'PT409';
    end if;
    if old.provider_transaction_id is not null
        and new.provider_transaction_id is distinct from old.provider_transaction_id
    then
        raise exception 'provider_transaction_id never changes once set' using errcode = 'PT409';
    end if;
    new.created_at := old.created_at;
    new.paid_at := old.paid_at;
    new.refunded_at := old.refunded_at;
    if not is_legal then
        raise exception 'a payment can not go from % to %', old.status, new.status using errcode = 'PT409';
    end if;
    if new.status = 'COMPLETED' and old.status <> 'COMPLETED' then
        new.paid_at := clock_timestamp();
    elsif new.status = 'REFUNDED' and old.status <> 'REFUNDED' then
        new.refunded_at := clock_timestamp();
    end if;
    return new;
end
$$;
comment on function private.move_payment() is 'The states of a payment, for everyone; what is frozen; the timestamps.';

create function private.mirror_shortfall() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if jsonb_typeof(new.metadata) = 'object' then
        new.metadata := (new.metadata - 'shortfall') || coalesce((
            select
                jsonb_build_object('shortfall', sum(case d.kind when 'shortfall' then d.credits else -d.credits end))
            from private.debts as d where d.payment_id = new.id having count(*) > 0
        ), '{}');
    end if;
    return new;
end
$$;
comment on function private.mirror_shortfall() is
'metadata.shortfall of a payment is what is owed of it, whatever else is written to metadata. SECURITY DEFINER because '
'the backend can not read the debts.';

create function private.clean_webhook() returns trigger
language plpgsql
set search_path = ''
as $$
declare
    -- Also inside a longer word, and however it is hyphenated.
    words constant pg_catalog.text := 'signature|auth|cookie|token|secret|hmac|session|pass|credential|bearer|cert|apikey';
    -- Three letters would be found in many a random id.
    secret constant pg_catalog.text := words || '|sig|jwt|pwd|(?<!idempotency)key';
begin
    -- STRIPE and stripe are one provider, and one event of theirs is one event.
    new.provider := lower(btrim(new.provider));
    if jsonb_typeof(new.headers) = 'object' then
        select coalesce(jsonb_object_agg(
            h.key,
            case
                when
                    regexp_replace(lower(h.key), '[^a-z0-9]', '', 'g') ~ secret
                    or jsonb_path_exists(h.value, '$.** ? (@.type() == "object")')
                    -- Node's rawHeaders are names and values in turn; others write a name and a colon before a value.
                    or exists (
                        select from jsonb_path_query(h.value, 'strict $.** ? (@.type() == "string")') as v (value)
                        where
                            regexp_replace(lower(v.value #>> '{}'), '[^a-z0-9]', '', 'g')
                            ~ case jsonb_typeof(h.value) when 'array' then secret else words end
                    )
                    then to_jsonb('[redacted]'::pg_catalog.text)
                else h.value
            end
        ), '{}')
        into new.headers
        from jsonb_each(new.headers) as h;
    end if;
    -- The foreign key only shares its lock. Two webhooks that both shared it could both never set the transaction's id.
    if tg_op = 'INSERT' then
        perform from public.payments as p
        where p.id = new.payment_id and p.provider_transaction_id is null
        for no key update;
    end if;
    new.processed_at := case when new.processed then coalesce(new.processed_at, clock_timestamp()) end;
    return new;
end
$$;
comment on function private.clean_webhook() is
'Redacts the headers that carry secrets, by name or in a value that speaks of one, and what is nested, rather than '
'refusing the event; writes the provider in lower case; stamps processed_at.';

-- ---------------------------------------------------------------------------------------------------------------------
-- Functions: credits
-- ---------------------------------------------------------------------------------------------------------------------

create function private.post_entry(
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
    from public.users as u where u.id = post_entry.user_id
    for no key update;
    if not found then
        raise exception 'no such account' using errcode = 'PT404';
    end if;
    -- Refused here, not by the CHECK: its DETAIL would show the whole row.
    if balance < 0 then
        raise exception 'not enough credits' using errcode = 'PT402';
    end if;
    if balance > 100000000 and post_entry.amount > 0 then
        raise exception 'no account holds more than 100,000,000 credits' using errcode = 'PT409';
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
comment on function private.post_entry(uuid, public.transaction_type, integer, uuid, uuid, text, text, jsonb) is
'Adds one entry to the ledger, with the user''s row locked from the reading of the balance on.';

create function private.sync_balance() returns trigger
language plpgsql
set search_path = ''
as $$
declare
    entry pg_catalog.record;
    carried integer;
begin
    -- One entry, as nearly always, without all the summing.
    select
        p.user_id,
        p.type,
        p.amount,
        p.balance_after,
        count(*) over () as entries
    into entry
    from posted as p;
    if entry.entries = 1 then
        update public.users as u
        set
            credits = entry.balance_after,
            total_credits_purchased
            = u.total_credits_purchased + case entry.type when 'PURCHASE' then entry.amount else 0 end,
            total_credits_used
            = u.total_credits_used - case when entry.type in ('USAGE', 'REFUND') then entry.amount else 0 end
        where u.id = entry.user_id and u.credits + entry.amount = entry.balance_after;
        if not found then
            raise exception 'balance_after does not continue the ledger' using errcode = 'PT409';
        end if;
        return null;
    end if;
    update public.users as u
    set
        credits = u.credits + t.moved,
        total_credits_purchased = u.total_credits_purchased + t.purchased,
        total_credits_used = u.total_credits_used + t.used
    from (
        select
            l.user_id,
            min(l.start) as start,
            max(l.start) as last_start,
            sum(l.amount)::integer as moved,
            coalesce(sum(l.amount) filter (where l.type = 'PURCHASE'), 0)::integer as purchased,
            coalesce(-sum(l.amount) filter (where l.type in ('USAGE', 'REFUND')), 0)::integer as used
        from (
            -- Where the balance must have stood before the statement, if this entry continues the ones before it.
            select
                p.user_id,
                p.type,
                p.amount,
                p.balance_after - sum(p.amount) over (partition by p.user_id order by p.id) as start
            from posted as p
        ) as l
        group by l.user_id
    ) as t
    where
        u.id = t.user_id and t.start = t.last_start and t.start = u.credits
        -- As above, for the index: settle_moved_jobs forbids nested loops, and a hash join would read all users.
        and u.id = any(array(select p.user_id from posted as p));
    get diagnostics carried = row_count;
    if carried <> (select count(distinct p.user_id) from posted as p) then
        raise exception 'balance_after does not continue the ledger' using errcode = 'PT409';
    end if;
    return null;
end
$$;
comment on function private.sync_balance() is
'Carries the entries of a statement into users.credits and the totals, with one write for each user, and refuses them '
'if a balance_after is not the next balance: so balance and ledger agree whoever inserts.';

create function private.refuse_ledger_change() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    raise exception 'the ledger is append-only: % refused', tg_op using errcode = 'PT405';
end
$$;
comment on function private.refuse_ledger_change() is 'Refuses UPDATE, DELETE and TRUNCATE of the ledger to everyone.';

create function private.keep_description() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    if new.description is not null
        or not exists (select from public.users as u where u.id = new.user_id and u.deleted_at is not null)
    then
        raise exception 'the ledger is append-only: UPDATE refused' using errcode = 'PT405';
    end if;
    return new;
end
$$;
comment on function private.keep_description() is
'The one change of the ledger that there is: the description of an entry of a closed account can be emptied.';

create function private.lock_account(user_id uuid) returns void
language plpgsql
set search_path = ''
as $$
begin
    -- An UPDATE and not a mere lock: under REPEATABLE READ only a changed row makes the transaction that waited for
    -- it fail (40001) instead of going on with what it saw before.
    update public.users as u set is_active = u.is_active
    where u.id = lock_account.user_id and u.deleted_at is null and u.is_active;
    if not found then
        raise exception 'the account is closed or suspended' using errcode = 'PT403';
    end if;
end
$$;
comment on function private.lock_account(uuid) is
'Locks the row of a live, active user until the end of the transaction: nobody closes the account meanwhile.';

create function private.charge_jobs(user_id uuid, job_ids uuid[], costs integer[]) returns void
language plpgsql
set search_path = ''
as $$
declare
    balance integer;
begin
    -- A lock is enough: the entries write the row.
    select u.credits into balance
    from public.users as u
    where u.id = charge_jobs.user_id and u.deleted_at is null and u.is_active
    for no key update;
    if not found then
        raise exception 'the account is closed or suspended' using errcode = 'PT403';
    end if;
    -- Refused here, not by the CHECK: its DETAIL would show the whole row.
    if balance < (select sum(c.cost) from unnest(charge_jobs.costs) as c (cost)) then
        raise exception 'not enough credits' using errcode = 'PT402';
    end if;
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
comment on function private.charge_jobs(uuid, uuid[], integer[]) is
'Takes the credits of jobs of one user that enter the queue.';

create function private.settle_inserted_jobs() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    account pg_catalog.record;
begin
    for account in
        select
            j.user_id,
            count(*) filter (where j.status <> 'QUEUED') as unpaid,
            array_agg(j.id order by j.id) filter (where j.status = 'QUEUED') as queued,
            array_agg(j.credits_cost order by j.id) filter (where j.status = 'QUEUED') as costs
        from inserted as j
        group by j.user_id
        order by j.user_id
    loop
        if account.queued is null then
            perform private.lock_account(account.user_id);
        else
            perform private.charge_jobs(account.user_id, account.queued, account.costs);
            perform private.keep_turns(account.user_id, account.queued);
            notify autocut_job_queued;
        end if;
        perform private.check_job_limits(account.user_id, checks_unpaid => account.unpaid > 0);
    end loop;
    return null;
end
$$;
comment on function private.settle_inserted_jobs() is
'New jobs: only for live accounts, at most 100 unpaid and 200 new ones in 24 hours per user, those inserted as QUEUED '
'charged at once. Listeners of autocut_job_queued hear that there is work, not whose.';

create function private.check_job_limits(user_id uuid, checks_unpaid boolean) returns void
language plpgsql
set search_path = ''
as $$
begin
    if check_job_limits.checks_unpaid and (
        select count(*) from public.jobs as j
        where j.user_id = check_job_limits.user_id and j.status in ('PENDING', 'UPLOADING')
    ) > 100 then
        raise exception 'more than 100 unpaid jobs' using errcode = 'PT429';
    end if;
    -- Also of those that are over: else to insert and to cancel would fill tables and ledger without end.
    if exists (
        select from public.jobs as j
        where j.user_id = check_job_limits.user_id and j.created_at > statement_timestamp() - interval '24 hours'
        offset 200
    ) then
        raise exception 'more than 200 new jobs in 24 hours' using errcode = 'PT429';
    end if;
end
$$;
comment on function private.check_job_limits(uuid, boolean) is
'How many jobs a user may have waiting unpaid, and start in 24 hours. Called with the user''s row locked.';

create function private.refund_jobs(user_id uuid, job_ids uuid[], statuses text[]) returns void
language plpgsql
set search_path = ''
as $$
declare
    balance integer;
    refunded pg_catalog.uuid[];
begin
    select u.credits into balance from public.users as u where u.id = refund_jobs.user_id for no key update;
    with charged as materialized (
        select
            e.id,
            e.status,
            -- Not a join: without nested loops, which settle_moved_jobs forbids, it would read the whole ledger.
            (
                select -t.amount from public.credit_transactions as t where t.job_id = e.id and t.type = 'USAGE'
            ) as credits
        from unnest(refund_jobs.job_ids, refund_jobs.statuses) as e (id, status)
    ),

    posted as (
        insert into public.credit_transactions (user_id, type, amount, balance_after, job_id, description)
        select
            refund_jobs.user_id,
            'REFUND',
            c.credits,
            balance + sum(c.credits) over (order by c.id),
            c.id,
            'Video job ' || lower(c.status)
        from charged as c
        where c.credits is not null
        order by c.id
        returning job_id
    )

    select array_agg(p.job_id) into refunded from posted as p;
    if refunded is not null then
        perform private.recover_debts(refund_jobs.user_id, refunded);
    end if;
end
$$;
comment on function private.refund_jobs(uuid, uuid[], text[]) is
'Returns what was charged for jobs of one user that failed or were cancelled, and takes of it what is owed. That a '
'job is refunded once is held by the state machine (no way out of FAILED) and by a unique constraint.';

create function private.open_debts(user_id uuid)
returns table (shortfall_id bigint, payment_id uuid, after_entry bigint, is_partial boolean, owed integer)
language sql stable
set search_path = ''
as $$
    select
        l.id,
        l.payment_id,
        l.after_entry,
        l.is_partial,
        l.owed
    from (
        select
            s.id,
            s.payment_id,
            s.after_entry,
            s.is_partial,
            s.credits - (
                select coalesce(sum(r.credits), 0)::integer from private.debts as r where r.shortfall_id = s.id
            ) as owed
        from private.debts as s
        where s.user_id = open_debts.user_id and s.kind = 'shortfall'
    ) as l
    where l.owed > 0
    order by l.after_entry, l.id
$$;
comment on function private.open_debts(uuid) is 'The shortfalls of a user that are still owed, the oldest first.';

create function private.reduce_debt(
    shortfall_id bigint, kind text, credits integer, description text default null, idempotency_key text default null
) returns void
language plpgsql
set search_path = ''
as $$
begin
    insert into private.debts (user_id, payment_id, kind, credits, shortfall_id, description, idempotency_key)
    select
        s.user_id,
        s.payment_id,
        reduce_debt.kind,
        reduce_debt.credits,
        s.id,
        reduce_debt.description,
        reduce_debt.idempotency_key
    from private.debts as s where s.id = reduce_debt.shortfall_id;
    update public.payments as p set metadata = p.metadata
    where p.id = (select s.payment_id from private.debts as s where s.id = reduce_debt.shortfall_id);
end
$$;
comment on function private.reduce_debt(bigint, text, integer, text, text) is
'One line that lowers a debt. metadata.shortfall of the payment, which says what is left, follows by its trigger.';

create function private.recover_debts(user_id uuid, job_ids uuid[]) returns void
language plpgsql
set search_path = ''
as $$
declare
    debt pg_catalog.record;
    owed integer;
    taken integer := 0;
begin
    for debt in
        select
            d.shortfall_id,
            d.after_entry,
            d.owed
        from private.open_debts(recover_debts.user_id) as d
    loop
        -- Of what the jobs gave back, only what was spent before this refund.
        select least(debt.owed, coalesce(-sum(t.amount), 0) - taken) into owed
        from public.credit_transactions as t
        where t.job_id = any(recover_debts.job_ids) and t.type = 'USAGE' and t.id <= debt.after_entry;
        continue when owed <= 0;
        perform private.post_entry(
            recover_debts.user_id, 'ADJUSTMENT', -owed, description => 'Shortfall of a refunded payment',
            metadata => jsonb_build_object('recovered', owed)
        );
        perform private.reduce_debt(debt.shortfall_id, 'recovered', owed);
        taken := taken + owed;
    end loop;
end
$$;
comment on function private.recover_debts(uuid, uuid[]) is
'Takes credits that jobs gave back against what refunded payments still owe. Else a user could queue a job, have the '
'payment refunded, cancel the job, and keep both money and credits. Credits bought later are never touched, nor those '
'of jobs that were queued later.';

create function private.lock_debts(user_ids uuid[]) returns void
language plpgsql
set search_path = ''
as $$
begin
    perform from public.payments as p
    where p.id = any(array(select d.payment_id from private.debts as d where d.user_id = any(lock_debts.user_ids)))
    order by p.user_id, p.id
    for no key update;
end
$$;
comment on function private.lock_debts(uuid[]) is
'Locks the payments that users owe credits of, before their rows are: recover_debts writes both.';

create function private.settle_moved_jobs() returns trigger
language plpgsql
security definer
set search_path = ''
-- The plan of the join is cached from the first call, often of one row; as a nested loop it would be quadratic later.
set enable_nestloop = off
as $$
declare
    account pg_catalog.record;
begin
    -- Progress and claims, the most frequent by far, settle nothing.
    if not exists (select from moved_to as n where n.status in ('QUEUED', 'FAILED', 'CANCELLED')) then
        return null;
    end if;
    perform private.lock_debts(
        array(select distinct n.user_id from moved_to as n where n.status in ('FAILED', 'CANCELLED'))
    );
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
        -- Refunds first: whether a charge can be paid must not depend on the order of ids.
        if account.ended is not null then
            perform private.refund_jobs(account.user_id, account.ended, account.statuses);
        end if;
        if account.queued is not null then
            perform private.charge_jobs(account.user_id, account.queued, account.costs);
            perform private.keep_turns(account.user_id, account.queued);
            notify autocut_job_queued;
        end if;
    end loop;
    return null;
end
$$;
comment on function private.settle_moved_jobs() is
'Charges jobs when they first enter the queue, returns what was charged when they fail or are cancelled. A retry '
'moves no credits.';

create function private.hash_person(kind text, value text) returns bytea
language sql stable
set search_path = ''
as $$
    select sha256(s.value || sha256(s.value || convert_to(hash_person.kind || ':' || hash_person.value, 'UTF8')))
    from private.secrets as s where s.name = 'person'
$$;
comment on function private.hash_person(text, text) is 'A keyed hash, nested as in HMAC.';

create function private.normalise_email(email text) returns text
language sql immutable
set search_path = ''
as $$
    select
        case
            when a.domain in ('gmail.com', 'googlemail.com') then replace(a.mailbox, '.', '') || '@gmail.com'
            else a.mailbox || '@' || a.domain
        end
    from (
        select
            split_part(split_part(lower(btrim(normalise_email.email)), '@', 1), '+', 1) as mailbox,
            split_part(lower(btrim(normalise_email.email)), '@', 2) as domain
    ) as a
$$;
comment on function private.normalise_email(text) is
'One spelling for each mailbox: lower case, without what follows a plus sign, for Gmail without dots.';

create function private.hash_identities(user_id uuid) returns bytea[]
language sql stable
set search_path = ''
as $$
    select array(
        select p.person
        from auth.users as a
        cross join lateral (
            values
            (private.hash_person('email', private.normalise_email(nullif(a.email, '')))),
            (private.hash_person('phone', nullif(regexp_replace(a.phone, '[^0-9]', '', 'g'), '')))
        ) as p (person)
        where a.id = hash_identities.user_id and not a.is_anonymous and p.person is not null
        order by p.person
    )
$$;
comment on function private.hash_identities(uuid) is
'Under what a user would be known again, in one order for all who lock it. Of a guest: nothing.';

create function private.take_trial(user_id uuid) returns void
language plpgsql
set search_path = ''
as $$
declare
    persons constant pg_catalog.bytea[] := private.hash_identities(take_trial.user_id);
    added integer;
begin
    if cardinality(persons) = 0 then
        raise exception 'a guest has no free trial' using errcode = 'PT403';
    end if;
    insert into private.trial_takers (person) select p.person from unnest(persons) as p (person)
    on conflict (person) do nothing;
    get diagnostics added = row_count;
    if added < cardinality(persons) then
        raise exception 'this person has had the free trial' using errcode = 'PT409';
    end if;
end
$$;
comment on function private.take_trial(uuid) is
'One free trial per person: an address or a phone number that has had it has had it, also under another account. '
'Guests have neither, and get none.';

create function private.remember_trial(user_id uuid) returns void
language sql
set search_path = ''
as $$
    insert into private.trial_takers (person)
    select p.person from unnest(private.hash_identities(remember_trial.user_id)) as p (person)
    where exists (
        select from public.payments as t
        where
            t.user_id = remember_trial.user_id and t.amount_thb = 0 and t.package_id is not null
            and t.status in ('COMPLETED', 'REFUNDED')
    )
    on conflict (person) do nothing
$$;
comment on function private.remember_trial(uuid) is
'Who has had the free trial has had it under an address or a number that was added later, too.';

create function private.settle_payment(payment public.payments) returns void
language plpgsql
set search_path = ''
as $$
declare
    due integer;
    remaining integer;
    taken integer;
begin
    if payment.status = 'COMPLETED' then
        if payment.amount_thb = 0 and payment.package_id is not null then
            perform private.take_trial(payment.user_id);
        end if;
        perform private.post_entry(
            payment.user_id, 'PURCHASE', payment.credits_purchased,
            payment_id => payment.id, description => 'Credits purchased'
        );
        perform private.refuse_double_sale(payment);
        return;
    end if;
    -- An UPDATE even when nothing is left to take: under REPEATABLE READ a job that fails from an older snapshot must
    -- meet it (40001), or it would give credits back without seeing what is owed.
    update public.users as u set is_active = u.is_active where u.id = payment.user_id returning u.credits into remaining;
    select payment.credits_purchased - coalesce(sum(r.credits), 0) into due
    from private.partial_refunds as r where r.payment_id = payment.id;
    taken := least(remaining, due);
    if taken > 0 then
        perform private.post_entry(
            payment.user_id, 'ADJUSTMENT', -taken, payment_id => payment.id, description => 'Payment refunded',
            metadata => jsonb_build_object('shortfall', due - taken)
        );
    end if;
    perform private.add_debt(payment.user_id, payment.id, due - taken);
end
$$;
comment on function private.settle_payment(public.payments) is
'Posts the credits of a completed payment, also to a closed account: the money came, and a refund takes them back. '
'Or claws back what is left of a refunded one. What was already spent is owed, and '
'recorded as metadata.shortfall of the payment and of the entry.';

create function private.add_debt(
    user_id uuid, payment_id uuid, credits integer, is_partial boolean default false
) returns void
language plpgsql
set search_path = ''
as $$
begin
    if add_debt.credits = 0 then
        return;
    end if;
    insert into private.debts (user_id, payment_id, kind, credits, is_partial, after_entry)
    select
        add_debt.user_id,
        add_debt.payment_id,
        'shortfall',
        add_debt.credits,
        add_debt.is_partial,
        max(t.id)
    from public.credit_transactions as t where t.user_id = add_debt.user_id;
    update public.payments as p set metadata = p.metadata where p.id = add_debt.payment_id;
end
$$;
comment on function private.add_debt(uuid, uuid, integer, boolean) is
'Records what a refund could not take, for the jobs that give it back.';

create function private.refuse_double_sale(payment public.payments) returns void
language plpgsql
set search_path = ''
as $$
begin
    -- Completed without an id of its provider's: entered by hand.
    if payment.provider_transaction_id is null and exists (
        select from public.payments as p
        where
            p.user_id = payment.user_id and p.id <> payment.id
            and p.provider_transaction_id is null
            and p.amount_thb = payment.amount_thb and p.credits_purchased = payment.credits_purchased
            and p.paid_at > payment.paid_at - interval '1 minute'
    ) then
        raise exception 'the same sale was entered less than a minute ago'
            using errcode = 'PT409', hint = 'If both are meant, give each a provider_transaction_id.';
    end if;
end
$$;
comment on function private.refuse_double_sale(public.payments) is
'A double click on a sale that support enters by hand posts once. Called with the user''s row locked.';

create function private.settle_inserted_payments() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    payment public.payments;
begin
    for payment in select p.* from inserted as p where p.status = 'COMPLETED' order by p.user_id, p.id loop
        perform private.settle_payment(payment);
    end loop;
    return null;
end
$$;
comment on function private.settle_inserted_payments() is 'Settles payments that are completed from the start.';

create function private.settle_moved_payments() returns trigger
language plpgsql
security definer
set search_path = ''
-- As in settle_moved_jobs.
set enable_nestloop = off
as $$
declare
    payment public.payments;
begin
    for payment in
        select n.*
        from moved_from as o
        inner join moved_to as n on o.id = n.id
        where n.status in ('COMPLETED', 'REFUNDED') and o.status <> n.status
        order by n.user_id, n.id
    loop
        perform private.settle_payment(payment);
    end loop;
    return null;
end
$$;
comment on function private.settle_moved_payments() is 'Settles payments that were completed or refunded.';

create function public.grant_credits(
    user_id uuid,
    amount integer,
    type public.transaction_type,
    description text,
    idempotency_key text default null
) returns bigint
language plpgsql
security definer
set search_path = ''
as $$
declare
    entry public.credit_transactions;
begin
    if grant_credits.type is null or grant_credits.type not in ('BONUS', 'ADJUSTMENT') then
        raise exception 'only BONUS and ADJUSTMENT can be granted' using errcode = '22023';
    end if;
    if grant_credits.amount is null
        or not (grant_credits.amount > 0 or (grant_credits.amount < 0 and grant_credits.type = 'ADJUSTMENT'))
    then
        raise exception 'the amount must not be 0, and that of a BONUS not negative' using errcode = '22023';
    end if;
    if grant_credits.amount not between -1000000 and 1000000 then
        raise exception 'the amount must be from -1,000,000 to 1,000,000' using errcode = '22023';
    end if;
    perform from public.users as u
    where u.id = grant_credits.user_id and u.deleted_at is null
    for no key update;
    if not found then
        raise exception 'no such account' using errcode = 'PT404';
    end if;
    select t.* into entry
    from public.credit_transactions as t where t.idempotency_key = grant_credits.idempotency_key;
    if found then
        if (entry.user_id, entry.amount, entry.type) is distinct from (
            grant_credits.user_id, grant_credits.amount, grant_credits.type
        ) then
            raise exception 'the idempotency key belongs to another entry' using errcode = 'PT409';
        end if;
        return entry.id;
    end if;
    return private.post_entry(
        grant_credits.user_id, grant_credits.type, grant_credits.amount,
        idempotency_key => grant_credits.idempotency_key, description => grant_credits.description
    );
end
$$;
comment on function public.grant_credits(uuid, integer, public.transaction_type, text, text) is
'Gives (or with a negative ADJUSTMENT takes) credits; returns the id of the entry. The same key again returns the '
'entry that it made the first time. Without a key a repeated call posts again. For service_role only.';

create function public.credits_owed(user_id uuid) returns integer
language sql stable
security definer
set search_path = ''
as $$
    select coalesce(sum(case d.kind when 'shortfall' then d.credits else -d.credits end), 0)::integer
    from private.debts as d where d.user_id = credits_owed.user_id
$$;
comment on function public.credits_owed(uuid) is 'What a user owes after refunds. For service_role.';

create function public.settle_debt(
    user_id uuid, amount integer, description text, idempotency_key text default null
) returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
    key_user pg_catalog.uuid;
begin
    perform private.lock_debts(array[settle_debt.user_id]);
    -- An UPDATE, as in lock_account: a job that fails from an older snapshot must not recover what is settled here.
    update public.users as u set is_active = u.is_active where u.id = settle_debt.user_id;
    if not found then
        raise exception 'no such account' using errcode = 'PT404';
    end if;
    select d.user_id into key_user from private.debts as d where d.idempotency_key = settle_debt.idempotency_key;
    if found then
        if key_user <> settle_debt.user_id then
            raise exception 'the idempotency key belongs to another settlement' using errcode = 'PT409';
        end if;
        return public.credits_owed(settle_debt.user_id);
    end if;
    if settle_debt.amount is null or settle_debt.amount < 1 then
        raise exception 'the amount must be positive' using errcode = '22023';
    end if;
    if settle_debt.amount > public.credits_owed(settle_debt.user_id) then
        raise exception 'the user does not owe as much' using errcode = 'PT409';
    end if;
    perform
        private.reduce_debt(
            d.shortfall_id, 'settled', least(d.owed, settle_debt.amount - d.before), settle_debt.description,
            -- One settlement may touch several payments; its first line bears the key.
            case when d.before = 0 then settle_debt.idempotency_key end
        )
    from (
        select
            o.shortfall_id,
            o.owed,
            (sum(o.owed) over (order by o.after_entry, o.shortfall_id))::integer - o.owed as before
        from private.open_debts(settle_debt.user_id) as o
    ) as d
    where d.before < settle_debt.amount;
    return public.credits_owed(settle_debt.user_id);
end
$$;
comment on function public.settle_debt(uuid, integer, text, text) is
'What a user owes is paid otherwise, or forgiven: it will not be taken from credits that jobs give back. Returns what '
'is still owed. The same key again settles nothing. For service_role.';

create function public.refund_partially(
    payment_id uuid, credits integer, description text, idempotency_key text
) returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
    payment public.payments;
    earlier pg_catalog.record;
    refunded integer;
    balance integer;
    taken integer;
begin
    select p.* into payment from public.payments as p where p.id = refund_partially.payment_id for no key update;
    if not found then
        raise exception 'no such payment' using errcode = 'PT404';
    end if;
    select r.* into earlier
    from private.partial_refunds as r where r.idempotency_key = refund_partially.idempotency_key;
    if found then
        if (earlier.payment_id, earlier.credits) is distinct from (payment.id, refund_partially.credits) then
            raise exception 'the idempotency key belongs to another refund' using errcode = 'PT409';
        end if;
        return 0;
    end if;
    select coalesce(sum(r.credits), 0) into refunded
    from private.partial_refunds as r where r.payment_id = payment.id;
    if refund_partially.credits is null or refund_partially.credits < 1 then
        raise exception 'the credits must be positive' using errcode = '22023';
    end if;
    if payment.status <> 'COMPLETED' or refund_partially.credits >= payment.credits_purchased - refunded then
        raise exception 'only a part of a completed payment can be refunded in part' using errcode = 'PT409';
    end if;
    update public.users as u set is_active = u.is_active where u.id = payment.user_id returning u.credits into balance;
    taken := least(balance, refund_partially.credits);
    if taken > 0 then
        perform private.post_entry(
            payment.user_id, 'ADJUSTMENT', -taken, description => 'Payment refunded in part',
            metadata => jsonb_build_object('payment', payment.id, 'shortfall', refund_partially.credits - taken)
        );
    end if;
    insert into private.partial_refunds (payment_id, credits, description, idempotency_key)
    values (
        payment.id, refund_partially.credits, refund_partially.description, refund_partially.idempotency_key
    );
    perform private.add_debt(payment.user_id, payment.id, refund_partially.credits - taken, is_partial => true);
    return taken;
end
$$;
comment on function public.refund_partially(uuid, integer, text, text) is
'A part of a payment''s money went back: its credits are taken, as far as they are there; what is short is owed. A '
'full refund later takes the rest only. Returns what was taken. The same key again takes nothing. For service_role.';

create function public.reinstate_payment(payment_id uuid) returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
    payment public.payments;
    returned integer;
begin
    select p.* into payment from public.payments as p where p.id = reinstate_payment.payment_id for no key update;
    if not found then
        raise exception 'no such payment' using errcode = 'PT404';
    end if;
    if payment.status <> 'REFUNDED' then
        raise exception 'only a refunded payment can be reinstated' using errcode = 'PT409';
    end if;
    if exists (
        select from public.credit_transactions as t where t.idempotency_key = 'reinstated ' || payment.id
    ) then
        return 0;
    end if;
    select
        coalesce((
            select -t.amount from public.credit_transactions as t
            where t.payment_id = payment.id and t.type = 'ADJUSTMENT'
        ), 0) + coalesce(sum(d.credits), 0)
    into returned
    from private.debts as d
    inner join private.debts as s on d.shortfall_id = s.id
    where d.payment_id = payment.id and d.kind = 'recovered' and not s.is_partial;
    perform private.reduce_debt(d.shortfall_id, 'settled', d.owed, 'Dispute won')
    from private.open_debts(payment.user_id) as d
    where d.payment_id = payment.id and not d.is_partial;
    if returned > 0 then
        perform private.post_entry(
            payment.user_id, 'ADJUSTMENT', returned, description => 'Dispute won',
            idempotency_key => 'reinstated ' || payment.id, metadata => jsonb_build_object('payment', payment.id)
        );
    end if;
    return returned;
end
$$;
comment on function public.reinstate_payment(uuid) is
'A dispute was won and the money is back: the user gets back what the refund took, then and from jobs since, and owes '
'nothing of it any more. What was refunded in part before, stays. Returns the credits given. A second call gives '
'nothing. The payment stays REFUNDED. For service_role.';

-- ---------------------------------------------------------------------------------------------------------------------
-- Functions: the queue
-- ---------------------------------------------------------------------------------------------------------------------

create function private.take_turn() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    tenth pg_catalog.timestamptz;
begin
    if tg_op = 'UPDATE' then
        if old.status = 'QUEUED' then
            return new;
        end if;
    end if;
    select coalesce(j.turn_at, j.queued_at) into tenth
    from public.jobs as j
    where j.user_id = new.user_id and j.status = 'QUEUED'
    order by coalesce(j.turn_at, j.queued_at) desc
    offset 9 limit 1;
    -- Null, that is queued_at, unless it has to stand further behind.
    new.turn_at := case when tenth + interval '10 minutes' > new.queued_at then tenth + interval '10 minutes' end;
    if tenth is null and new.priority = 0 then
        select
            case u.subscription_tier when 'basic' then 10 when 'pro' then 20 when 'enterprise' then 30 else 0 end
        into new.priority
        from public.users as u
        where u.id = new.user_id and (u.subscription_expires_at is null or u.subscription_expires_at > new.queued_at);
        new.priority := coalesce(new.priority, 0);
    end if;
    return new;
end
$$;
comment on function private.take_turn() is
'The place of a job that enters the queue. Of one user ten jobs go by the time when they were queued; further ones '
'stand behind, ten for each ten minutes, so that nobody''s thousand jobs go before everyone else''s. The first ten '
'have the priority of a paid tier (basic 10, pro 20, enterprise 30), unless the backend gave another.';

create function private.keep_turns(user_id uuid, job_ids uuid[]) returns void
language plpgsql
set search_path = ''
as $$
declare
    job pg_catalog.record;
begin
    if not exists (
        select from public.jobs as j where j.user_id = keep_turns.user_id and j.status = 'QUEUED' offset 10
    ) then
        return;
    end if;
    for job in
        select
            j.id,
            coalesce(j.turn_at, j.queued_at) as turn
        from public.jobs as j
        where j.id = any(keep_turns.job_ids)
        order by turn, j.id
    loop
        continue when not exists (
            select from public.jobs as j
            where
                j.user_id = keep_turns.user_id and j.status = 'QUEUED'
                and coalesce(j.turn_at, j.queued_at) > job.turn - interval '10 minutes'
                and coalesce(j.turn_at, j.queued_at) <= job.turn and j.id <> job.id
            offset 9
        );
        update public.jobs as j
        set
            turn_at = (
                select coalesce(o.turn_at, o.queued_at) + interval '10 minutes'
                from public.jobs as o
                where o.user_id = keep_turns.user_id and o.status = 'QUEUED' and o.id <> job.id
                order by coalesce(o.turn_at, o.queued_at) desc
                offset 9 limit 1
            ),
            -- What take_turn gave for the tier.
            priority = case when j.priority in (10, 20, 30) then 0 else j.priority end
        where j.id = job.id;
    end loop;
end
$$;
comment on function private.keep_turns(uuid, uuid[]) is
'Once more the rule of take_turn, which does not see what others queue for the same user at the same time. Called with '
'the user''s row locked; what an INSERT returned may show the earlier turn.';

create function public.claim_next_jobs(worker text, count integer, lease interval) returns setof public.jobs
language plpgsql
set search_path = ''
-- Of a custom plan the planning alone would cost more than the claim.
set plan_cache_mode = force_generic_plan
as $$
declare
    ready pg_catalog.uuid[];
    has_due boolean;
begin
    if worker is null or count is null or count not between 1 and 1000
        or lease is null or lease not between interval '1 second' and interval '1 day'
    then
        raise exception 'claim_next_jobs needs a worker, a count of 1 to 1000 and a lease of 1 second to 1 day'
            using errcode = '22023';
    end if;
    -- Arrays, and no joins: a LIMIT under SKIP LOCKED that runs again inside a join would lock more rows than it
    -- returns, and a generic plan would join with all jobs, for it takes a LIMIT for a tenth of the table.
    select
        array(
            select q.id from public.jobs as q
            where q.status = 'QUEUED' and q.next_attempt_at is null
            order by q.priority desc, coalesce(q.turn_at, q.queued_at) asc, q.id asc
            limit claim_next_jobs.count
            for no key update skip locked
        ),
        exists (select from public.jobs as q where q.status = 'QUEUED' and q.next_attempt_at <= statement_timestamp())
    into ready, has_due;
    if has_due then
        -- Seldom: from the end of a wait until reclaim_expired_jobs. So it is planned and begun only then.
        ready := array(
            select r.id
            from (
                select
                    q.id,
                    q.priority,
                    coalesce(q.turn_at, q.queued_at) as turn
                from public.jobs as q
                where q.id = any(ready)
                union all
                select due.*
                from (
                    -- Of the fifty that have been due longest, so that a claim never reads thousands.
                    select
                        q.id,
                        q.priority,
                        coalesce(q.turn_at, q.queued_at) as turn
                    from public.jobs as q
                    -- What somebody changes meanwhile has another ctid, and is passed over.
                    where q.ctid = any(array(
                        select l.ctid from public.jobs as l
                        where l.status = 'QUEUED' and l.next_attempt_at <= statement_timestamp()
                        order by l.next_attempt_at
                        limit greatest(50, claim_next_jobs.count)
                    ))
                    order by q.priority desc, coalesce(q.turn_at, q.queued_at) asc, q.id asc
                    limit claim_next_jobs.count
                    for no key update skip locked
                ) as due
            ) as r
            order by r.priority desc, r.turn asc, r.id asc
            limit claim_next_jobs.count
        );
    end if;
    return query
    with claimed as (
        update public.jobs as j
        set
            status = 'TRANSCRIBING',
            worker_id = claim_next_jobs.worker,
            lease_expires_at = statement_timestamp() + claim_next_jobs.lease
        where j.id = any(ready)
        returning j.*
    )

    select * from claimed order by priority desc, coalesce(turn_at, queued_at) asc, id asc;
end
$$;
comment on function public.claim_next_jobs(text, integer, interval) is
'Hands up to count jobs to a worker, highest priority first, then by turn. Each comes with an attempt_token, which '
'heartbeat_job, complete_job and fail_job ask for. For service_role.';

create function public.heartbeat_job(
    job_id uuid,
    token uuid,
    lease interval default '15 minutes',
    stage public.job_status default null,
    progress integer default null,
    step text default null
) returns boolean
language plpgsql
set search_path = ''
as $$
begin
    if lease is null or lease not between interval '1 second' and interval '1 day' then
        raise exception 'a lease lasts 1 second to 1 day' using errcode = '22023';
    end if;
    if stage not in ('TRANSCRIBING', 'ANALYZING', 'RENDERING') then
        raise exception 'a heartbeat keeps a job at work: complete_job and fail_job end it' using errcode = '22023';
    end if;
    update public.jobs as j
    set
        status = coalesce(heartbeat_job.stage, j.status),
        progress_percentage = coalesce(heartbeat_job.progress, j.progress_percentage),
        current_step = coalesce(heartbeat_job.step, j.current_step),
        lease_expires_at = statement_timestamp() + heartbeat_job.lease
    where j.id = heartbeat_job.job_id and j.attempt_token = heartbeat_job.token;
    return found;
end
$$;
comment on function public.heartbeat_job(uuid, uuid, interval, public.job_status, integer, text) is
'Renews the lease of the attempt that has this token, and says how far it is. False: the attempt is over, the worker '
'must stop. For service_role.';

create function public.complete_job(
    job_id uuid,
    token uuid,
    output_video_path text,
    thumbnail_path text default null,
    output_duration_seconds numeric default null,
    output_file_size_mb numeric default null
) returns boolean
language plpgsql
set search_path = ''
as $$
begin
    update public.jobs as j
    set
        status = 'COMPLETED',
        output_video_path = complete_job.output_video_path,
        thumbnail_path = coalesce(complete_job.thumbnail_path, j.thumbnail_path),
        output_duration_seconds = coalesce(complete_job.output_duration_seconds, j.output_duration_seconds),
        output_file_size_mb = coalesce(complete_job.output_file_size_mb, j.output_file_size_mb)
    where j.id = complete_job.job_id and j.attempt_token = complete_job.token;
    return found;
end
$$;
comment on function public.complete_job(uuid, uuid, text, text, numeric, numeric) is
'Ends the attempt that has this token, with its result. False, and nothing changed: the attempt was over. For '
'service_role.';

create function public.fail_job(job_id uuid, token uuid, error_message text, retry boolean default true) returns boolean
language plpgsql
set search_path = ''
as $$
begin
    update public.jobs as j
    set
        status = case
            when fail_job.retry and j.retry_count < j.max_retries then 'QUEUED' else 'FAILED'
        end::public.job_status,
        error_message = left(fail_job.error_message, 4000)
    where j.id = fail_job.job_id and j.attempt_token = fail_job.token;
    return found;
end
$$;
comment on function public.fail_job(uuid, uuid, text, boolean) is
'Ends the attempt that has this token: the job is queued again while it has retries, unless retry is false; else it '
'fails and is refunded. False, and nothing changed: the attempt was over. For service_role.';

create function private.take_jobs_back(job_ids uuid[]) returns void
language sql
set search_path = ''
as $$
    update public.jobs as j
    set
        status = case when j.retry_count < j.max_retries then 'QUEUED' else 'FAILED' end::public.job_status,
        error_message = 'the worker stopped answering'
    where j.id = any(take_jobs_back.job_ids)
$$;
comment on function private.take_jobs_back(uuid[]) is
'Queues jobs of dead workers again, or fails those that have used their retries.';

create function private.try_to_take_back(job_id uuid) returns boolean
language plpgsql
set search_path = ''
as $$
begin
    perform private.take_jobs_back(array[try_to_take_back.job_id]);
    return true;
exception
    when serialization_failure or deadlock_detected then
        raise;
    when others then
        raise warning 'job % can not be taken back: %', try_to_take_back.job_id, sqlerrm;
        return false;
end
$$;
comment on function private.try_to_take_back(uuid) is
'Whether one job of a dead worker was taken back. What the whole transaction must do again is not caught.';

create function public.reclaim_expired_jobs() returns setof public.jobs
language plpgsql
security definer
set search_path = ''
as $$
declare
    retried constant pg_catalog.uuid[] := array(
        select j.id from public.jobs as j
        where
            j.status in ('TRANSCRIBING', 'ANALYZING', 'RENDERING') and j.lease_expires_at < statement_timestamp()
            and j.retry_count < j.max_retries
        order by j.lease_expires_at, j.id
        limit 1000
        for no key update of j skip locked
    );
    -- What users owe is taken of what the jobs give back, and written to these payments.
    debts constant pg_catalog.uuid[] := array(
        select p.id from public.payments as p
        where p.id = any(array(
            select d.payment_id
            from private.debts as d
            inner join public.jobs as j on d.user_id = j.user_id
            where
                j.status in ('TRANSCRIBING', 'ANALYZING', 'RENDERING') and j.lease_expires_at < statement_timestamp()
                and j.retry_count >= j.max_retries
        ))
        order by p.user_id, p.id
        for no key update of p skip locked
    );
    -- A job that fails gives its user credits back. Users are skipped like jobs while somebody holds them, or a payment
    -- that they owe: a client that keeps its own row locked delays its own jobs, never everybody's. Before the limit:
    -- else its jobs, first in line for ever, would fill it.
    ready pg_catalog.uuid[] := retried || array(
        select j.id
        from public.jobs as j
        inner join public.users as u on j.user_id = u.id
        where
            j.status in ('TRANSCRIBING', 'ANALYZING', 'RENDERING') and j.lease_expires_at < statement_timestamp()
            and j.retry_count >= j.max_retries
            and not exists (select from private.debts as d where d.user_id = j.user_id and d.payment_id <> all(debts))
        order by j.lease_expires_at, j.id
        limit 1000
        for no key update of j, u skip locked
    );
begin
    -- Due retries go back among the others. claim_next_jobs finds them without this too, but sorts all that are due.
    update public.jobs as j set next_attempt_at = null
    where j.id = any(array(
        select q.id from public.jobs as q
        where q.status = 'QUEUED' and q.next_attempt_at <= statement_timestamp()
        order by q.next_attempt_at, q.id
        limit 1000
        for no key update of q skip locked
    ));
    begin
        perform private.take_jobs_back(ready);
    exception
        when others then
            -- One of them can not be taken back. Each alone, so that it stops none of the others.
            ready := array(select r.id from unnest(ready) as r (id) where private.try_to_take_back(r.id));
    end;
    return query select j.* from public.jobs as j where j.id = any(ready) order by j.id;
end
$$;
comment on function public.reclaim_expired_jobs() is
'Returns the jobs of dead workers to the queue, or fails them (with one refund) when their retries are spent: up to '
'1,000 of each at a call, those first whose lease ended first. What somebody holds locked is left to the next call, '
'and what can not be taken back is left with a warning. For service_role.';

-- ---------------------------------------------------------------------------------------------------------------------
-- Functions: accounts
-- ---------------------------------------------------------------------------------------------------------------------

create function private.erase_account(user_id uuid) returns void
language plpgsql
set search_path = ''
as $$
begin
    update public.jobs as j
    set
        job_name = default,
        current_step = null,
        input_video_path = null,
        output_video_path = null,
        thumbnail_path = null,
        transcription_json = null,
        analysis_json = null,
        replicate_prediction_id = null,
        error_message = null,
        client_request_id = null
    where j.user_id = erase_account.user_id;
    update public.payments as p
    set
        payment_method = null,
        metadata = default
    where p.user_id = erase_account.user_id;
    update public.credit_transactions as t set description = null
    where t.user_id = erase_account.user_id and t.description is not null;
    update public.user_preferences as s set preferences_json = default where s.user_id = erase_account.user_id;
    update public.webhook_logs as w set payload = default, headers = default, error_message = null
    where
        w.job_id = any(array(select j.id from public.jobs as j where j.user_id = erase_account.user_id))
        or w.payment_id = any(array(select p.id from public.payments as p where p.user_id = erase_account.user_id));
    update public.api_usage_logs as l set request_metadata = default, response_metadata = default
    where
        l.user_id = erase_account.user_id
        or l.job_id = any(array(select j.id from public.jobs as j where j.user_id = erase_account.user_id));
    update private.debts as d set description = null where d.user_id = erase_account.user_id;
    update private.partial_refunds as r set description = null
    where r.payment_id = any(array(select p.id from public.payments as p where p.user_id = erase_account.user_id));
end
$$;
comment on function private.erase_account(uuid) is
'Empties what private.column_privacy calls personal, but for the row in users, which anonymise_user empties. Numbers, '
'times, states and the provider''s numbers stay: they are the books. Objects in Storage: storage.sql.';

create function private.rows_of_account() returns text[]
language sql immutable
set search_path = ''
as $$
    select array[
        'public.users as r where r.id = $1',
        'public.user_preferences as r where r.user_id = $1',
        'public.payments as r where r.user_id = $1',
        'public.jobs as r where r.user_id = $1',
        'public.webhook_logs as r where r.payment_id = any(array(select p.id from public.payments as p where p.user_id = $1))',
        'public.webhook_logs as r where r.job_id = any(array(select j.id from public.jobs as j where j.user_id = $1))',
        'public.api_usage_logs as r where r.user_id = $1',
        'public.api_usage_logs as r where r.job_id = any(array(select j.id from public.jobs as j where j.user_id = $1))'
    ]
$$;
comment on function private.rows_of_account() is
'Queries, after FROM, of the rows that closing an account ($1) writes and that somebody else may hold locked.';

create function private.anonymise_user() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    new.email := null;
    new.full_name := null;
    new.avatar_url := null;
    new.is_active := false;
    return new;
end
$$;
comment on function private.anonymise_user() is 'What is personal in the row of a user whose account is being closed.';

create function private.lock_rows(rows text, user_id uuid) returns void
language plpgsql
set search_path = ''
as $$
begin
    -- Not FOR NO KEY UPDATE: who adds a log of a job shares a lock of it. Erasure would miss what he adds; and it
    -- empties client_request_id, part of a key, so that it would have to wait for him.
    execute 'select from ' || lock_rows.rows || ' for update nowait' using lock_rows.user_id;
end
$$;
comment on function private.lock_rows(text, uuid) is
'Locks rows of an account, and waits for nobody: 55P03 says that somebody holds one.';

create function private.empty_closed_account() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    closed_id constant pg_catalog.uuid := new.id;
begin
    perform private.lock_rows(r.rows, closed_id) from unnest(private.rows_of_account()) as r (rows);
    update public.jobs as j set status = 'CANCELLED'
    where j.user_id = closed_id and j.status not in ('COMPLETED', 'FAILED', 'CANCELLED');
    perform private.erase_account(closed_id);
    return null;
end
$$;
comment on function private.empty_closed_account() is
'No live job (what was charged is refunded) and nothing personal on a closed account, whoever closed it. It waits for '
'nobody, since it holds the user''s row: 55P03 asks the caller to let go of everything and try again.';

create function private.try_to_close(user_id uuid) returns boolean
language plpgsql
set search_path = ''
as $$
begin
    update public.users as u set deleted_at = coalesce(u.deleted_at, clock_timestamp())
    where u.id = try_to_close.user_id;
    return true;
exception
    when lock_not_available then
        return false;
end
$$;
comment on function private.try_to_close(uuid) is
'Closes an account. It waits for the user''s row at most, while it holds no other. False, with nothing done and no '
'lock kept: somebody holds another of its rows.';

create function private.wait_for_row(rows text, user_id uuid) returns void
language plpgsql
set search_path = ''
as $$
declare
    free pg_catalog.tid[];
begin
    begin
        -- Which of them nobody holds; these locks are let go, by an exception, before anything is waited for.
        execute 'select array(select r.ctid from ' || wait_for_row.rows || ' for update skip locked)'
        into free using wait_for_row.user_id;
        raise exception using errcode = 'PT000';
    exception
        when sqlstate 'PT000' then null;
    end;
    execute 'select from ' || wait_for_row.rows || ' and not r.ctid = any($2) limit 1 for update'
    using wait_for_row.user_id, free;
    raise exception using errcode = 'PT000';
exception
    when sqlstate 'PT000' then null;
end
$$;
comment on function private.wait_for_row(text, uuid) is
'Waits until one of these rows of the account, one that somebody holds, is free; keeps no lock.';

create function private.close_account(user_id uuid) returns void
language plpgsql
set search_path = ''
as $$
begin
    for attempt in 1..100 loop
        if private.try_to_close(close_account.user_id) then
            return;
        end if;
        -- One row at a time and holding no other, so that nobody can wait for us meanwhile.
        perform private.wait_for_row(r.rows, close_account.user_id) from unnest(private.rows_of_account()) as r (rows);
    end loop;
    raise exception 'the account is in use' using errcode = '55P03', hint = 'Try again.';
end
$$;
comment on function private.close_account(uuid) is
'Soft-deletes a user: cancels jobs, empties what is personal. Ledger, payments and jobs stay. It takes all locks at '
'once or none, and so can not be part of a deadlock.';

create function public.close_my_account() returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
    -- What auth.uid() says. Its own body names types without their schema, and would run with the owner's rights here.
    user_id constant pg_catalog.uuid := nullif(coalesce(
        nullif(current_setting('request.jwt.claim.sub', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::pg_catalog.jsonb ->> 'sub'
    ), '')::pg_catalog.uuid;
begin
    if user_id is null then
        raise exception 'nobody is signed in' using errcode = 'PT403';
    end if;
    perform private.close_account(user_id);
end
$$;
comment on function public.close_my_account() is
'Closes the account of whoever is signed in. The sign-in itself stays until the backend deletes it.';

create function public.reopen_account(user_id uuid) returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
    update public.users as u
    set email = a.email, is_active = true, deleted_at = null
    from auth.users as a
    where u.id = reopen_account.user_id and u.deleted_at is not null and a.id = u.id and a.deleted_at is null;
    return found;
end
$$;
comment on function public.reopen_account(uuid) is
'Opens a closed account again whose sign-in exists, by a decision of support: nothing reopens one by itself. What was '
'erased stays erased. For service_role.';

create function private.clean_name(name text) returns text
language sql immutable
set search_path = ''
as $$
    select nullif(left(btrim(regexp_replace(
        clean_name.name, '[\u0001-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+', ' ', 'g'
    )), 200), '')
$$;
comment on function private.clean_name(text) is
'A name as users_full_name_is_plain wants it: at sign-up it is mended, not refused.';

create function private.clean_avatar(url text) returns text
language sql immutable
set search_path = ''
as $$
    select case when clean_avatar.url ~* '^https?://[^[:space:][:cntrl:]<>"''`\\]+$' then left(clean_avatar.url, 2048) end
$$;
comment on function private.clean_avatar(text) is 'An avatar''s address, if it is one of the web; else none.';

create function private.add_account(id uuid, email text, metadata jsonb, last_login_at timestamptz) returns void
language plpgsql
set search_path = ''
as $$
begin
    insert into public.users (id, email, full_name, avatar_url, last_login_at)
    values (
        add_account.id,
        left(add_account.email, 320),
        private.clean_name(coalesce(add_account.metadata ->> 'full_name', add_account.metadata ->> 'name')),
        private.clean_avatar(coalesce(add_account.metadata ->> 'avatar_url', add_account.metadata ->> 'picture')),
        add_account.last_login_at
    )
    on conflict on constraint users_pkey do nothing;
    if exists (select from public.users as u where u.id = add_account.id and u.deleted_at is not null) then
        raise warning 'account % is closed and stays closed', add_account.id
            using hint = 'If it is meant to come back: select public.reopen_account(…)';
    end if;
    insert into public.user_preferences (user_id) values (add_account.id)
    on conflict on constraint user_preferences_pkey do nothing;
end
$$;
comment on function private.add_account(uuid, text, jsonb, timestamptz) is
'One users row and one user_preferences row, where there is none. Of the metadata, which the client writes, only name '
'and avatar are taken, cut to size; credits and tier in it mean nothing.';

create function private.handle_new_user() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform private.add_account(new.id, new.email, new.raw_user_meta_data, new.last_sign_in_at);
    return null;
end
$$;
comment on function private.handle_new_user() is 'Sign-up makes the account.';

create function private.handle_changed_user() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if new.deleted_at is not null and old.deleted_at is null then
        perform private.close_account(new.id);
    else
        perform private.add_account(new.id, new.email, new.raw_user_meta_data, new.last_sign_in_at);
        update public.users as u set email = left(new.email, 320)
        where u.id = new.id and u.deleted_at is null;
        perform private.remember_trial(new.id);
    end if;
    return null;
end
$$;
comment on function private.handle_changed_user() is
'Changes of email follow auth.users; whatever changes makes an account that is missing; and who has had the trial has '
'had it under the new address or number. The auth server''s soft deletion closes the account.';

create function private.handle_deleted_user() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform private.close_account(old.id);
    return null;
end
$$;
comment on function private.handle_deleted_user() is
'Deleting the auth user closes the account; nothing is deleted here.';

create function private.handle_login() returns trigger
language plpgsql
security definer
set search_path = ''
set lock_timeout = '500ms'
as $$
begin
    perform private.add_account(new.id, new.email, new.raw_user_meta_data, new.last_sign_in_at);
    update public.users as u set last_login_at = new.last_sign_in_at
    where u.id = new.id and u.deleted_at is null;
    return null;
exception
    when others then
        raise warning 'last_login_at of % not updated: %', new.id, sqlerrm;
        return null;
end
$$;
comment on function private.handle_login() is
'Copies last_sign_in_at, and makes an account that is missing. It must never block a login: errors become warnings, '
'and it waits at most 500 ms for the row.';

-- ---------------------------------------------------------------------------------------------------------------------
-- Functions: support and upkeep
-- ---------------------------------------------------------------------------------------------------------------------

create function public.find_users(email text) returns setof public.users
language sql stable
set search_path = ''
as $$
    select u.* from public.users as u where lower(u.email) = lower(btrim(find_users.email)) order by u.created_at, u.id
$$;
comment on function public.find_users(text) is
'The users of an e-mail address, however it is spelled: there may be several. For service_role.';

create function public.expiring_subscriptions(within interval) returns setof public.users
language sql stable
set search_path = ''
as $$
    select u.* from public.users as u
    where
        u.subscription_expires_at <= statement_timestamp() + expiring_subscriptions.within
        and u.subscription_tier <> 'free' and u.deleted_at is null
    order by u.subscription_expires_at, u.id
$$;
comment on function public.expiring_subscriptions(interval) is
'Users whose paid tier ends within a time, or has ended and is not yet taken. For service_role.';

create function public.expire_subscriptions() returns setof public.users
language sql
set search_path = ''
as $$
    update public.users as u set subscription_tier = 'free'
    where u.id = any(array(
        select e.id from public.users as e
        where
            e.subscription_expires_at <= statement_timestamp()
            and e.subscription_tier <> 'free' and e.deleted_at is null
        order by e.id
        for no key update skip locked
    ))
    returning u.*
$$;
comment on function public.expire_subscriptions() is
'Puts users whose paid tier has ended back to the free one; rows that somebody holds are left to the next call. For '
'service_role.';

create function public.purge_logs(older_than interval) returns bigint
language plpgsql
security definer
set search_path = ''
as $$
declare
    bound pg_catalog.timestamptz;
    webhooks bigint;
    calls bigint;
begin
    if older_than is null or older_than < interval '30 days' then
        raise exception 'logs are kept for 30 days at least' using errcode = '22023';
    end if;
    -- A month is 30 days when intervals are compared, and 28 when it is taken off in March.
    bound := least(statement_timestamp() - older_than, statement_timestamp() - interval '30 days');
    delete from public.webhook_logs as w
    where w.id = any(array(
        select o.id from public.webhook_logs as o
        where o.created_at < bound and o.processed
        order by o.created_at
        limit 10000
        for update skip locked
    ));
    get diagnostics webhooks = row_count;
    delete from public.api_usage_logs as l
    where l.id = any(array(
        select o.id from public.api_usage_logs as o
        where o.created_at < bound
        order by o.created_at
        limit 10000
        for update skip locked
    ));
    get diagnostics calls = row_count;
    return webhooks + calls;
end
$$;
comment on function public.purge_logs(interval) is
'Deletes processed webhooks and API calls older than a time of 30 days or more, at most 10,000 of each at a call, and '
'returns how many: call again until 0. A replay of an event that is gone is taken for a new one: payments still '
'settle once. For service_role.';

-- ---------------------------------------------------------------------------------------------------------------------
-- Triggers
-- ---------------------------------------------------------------------------------------------------------------------

create trigger users_set_updated_at before insert or update on public.users
for each row execute function private.set_updated_at();
create trigger credit_packages_set_updated_at before insert or update on public.credit_packages
for each row execute function private.set_updated_at();
create trigger payments_set_updated_at before update on public.payments
for each row execute function private.set_updated_at();
create trigger user_preferences_set_updated_at before insert or update on public.user_preferences
for each row execute function private.set_updated_at();

create trigger jobs_start before insert on public.jobs
for each row execute function private.start_job();
create trigger jobs_move before update on public.jobs
for each row execute function private.move_job();
create trigger jobs_check_values before insert or update of
job_name, priority, input_video_path, output_video_path, thumbnail_path, input_duration_seconds,
output_duration_seconds, input_file_size_mb, output_file_size_mb, video_resolution, replicate_prediction_id,
error_message, retry_count, max_retries, credits_cost, client_request_id, transcription_json, analysis_json
on public.jobs
for each row execute function private.check_job_values();
create trigger jobs_take_turn before insert or update of status on public.jobs
for each row when (new.status = 'QUEUED') execute function private.take_turn();
create trigger jobs_settle_insert after insert on public.jobs
referencing new table as inserted
for each statement execute function private.settle_inserted_jobs();
create trigger jobs_settle_update after update on public.jobs
referencing old table as moved_from new table as moved_to
for each statement execute function private.settle_moved_jobs();

create trigger payments_start before insert on public.payments
for each row execute function private.start_payment();
create trigger payments_move before update on public.payments
for each row execute function private.move_payment();
create trigger payments_mirror_shortfall before insert or update of metadata on public.payments
for each row execute function private.mirror_shortfall();
create trigger payments_settle_insert after insert on public.payments
referencing new table as inserted
for each statement execute function private.settle_inserted_payments();
create trigger payments_settle_update after update on public.payments
referencing old table as moved_from new table as moved_to
for each statement execute function private.settle_moved_payments();

create trigger credit_transactions_sync_balance after insert on public.credit_transactions
referencing new table as posted
for each statement execute function private.sync_balance();
create trigger credit_transactions_append_only before update of
id, user_id, type, amount, balance_after, job_id, payment_id, idempotency_key, metadata, created_at
or delete or truncate on public.credit_transactions
for each statement execute function private.refuse_ledger_change();
create trigger credit_transactions_keep_description before update of description on public.credit_transactions
for each row execute function private.keep_description();
-- Also under session_replication_role = replica. Inserts stay ordinary, so that a dump can be restored.
alter table public.credit_transactions enable always trigger credit_transactions_append_only;
alter table public.credit_transactions enable always trigger credit_transactions_keep_description;

create trigger webhook_logs_clean before insert or update on public.webhook_logs
for each row execute function private.clean_webhook();

-- Also of an account that was closed before: what came since is erased.
create trigger users_anonymise before update of deleted_at on public.users
for each row when (new.deleted_at is not null) execute function private.anonymise_user();
create trigger users_empty_closed after update of deleted_at on public.users
for each row when (new.deleted_at is not null) execute function private.empty_closed_account();

create trigger autocut_new_user after insert on auth.users
for each row execute function private.handle_new_user();
create trigger autocut_changed_user after update of email, phone, deleted_at on auth.users
for each row when (
    new.email is distinct from old.email
    or new.phone is distinct from old.phone
    or new.deleted_at is distinct from old.deleted_at
) execute function private.handle_changed_user();
create trigger autocut_login after update of last_sign_in_at on auth.users
for each row when (new.last_sign_in_at is distinct from old.last_sign_in_at)
execute function private.handle_login();
create trigger autocut_deleted_user after delete on auth.users
for each row execute function private.handle_deleted_user();

-- ---------------------------------------------------------------------------------------------------------------------
-- Views: with the rights and the policies of whoever asks. A view of its owner's would be updatable by its readers.
-- ---------------------------------------------------------------------------------------------------------------------

-- Jobs and ledger are summed apart: a join of both would multiply the sums.
create view public.user_stats with (security_invoker = true) as
select
    u.id,
    u.email,
    u.full_name,
    u.credits,
    u.subscription_tier,
    j.total_jobs,
    j.completed_jobs,
    j.failed_jobs,
    t.total_credits_spent,
    u.last_login_at
from public.users as u
inner join lateral (
    select
        count(*) as total_jobs,
        count(*) filter (where own.status = 'COMPLETED') as completed_jobs,
        count(*) filter (where own.status = 'FAILED') as failed_jobs
    from public.jobs as own
    where own.user_id = u.id
) as j on true
inner join lateral (
    select coalesce(-sum(own.amount), 0) as total_credits_spent
    from public.credit_transactions as own
    where own.user_id = u.id and own.type in ('USAGE', 'REFUND')
) as t on true
where u.deleted_at is null;
comment on view public.user_stats is
'One row per live user that the reader may see. total_credits_spent is net of refunds; bonuses do not count.';

-- Lateral, so that each status is one visit to jobs_status_idx, and a short one. A job that ended in the queue waited
-- until its end.
create view public.job_queue_status with (security_invoker = true) as
select
    s.status,
    j.job_count,
    j.average_wait_seconds
from unnest(enum_range(null::public.job_status)) as s (status)
cross join lateral (
    select
        count(*) as job_count,
        -- The filter: greatest() ignores nulls, so that jobs which were never queued would count as no wait.
        round(avg(
            extract(epoch from greatest(coalesce(q.started_at, q.completed_at, now()) - q.queued_at, interval '0'))
        ) filter (where q.queued_at is not null), 3) as average_wait_seconds
    from (
        select
            own.queued_at,
            own.started_at,
            own.completed_at
        from public.jobs as own
        where own.status = s.status
        order by own.queued_at desc nulls last
        limit 1000
    ) as q
) as j;
comment on view public.job_queue_status is
'Nine rows, one per status: number of jobs, and average seconds in the queue (null where none was ever queued). It '
'looks at the 1,000 jobs of each status that were queued last: a job_count of 1000 means that many or more.';

-- ---------------------------------------------------------------------------------------------------------------------
-- Policies: own rows, live accounts. Everything else is refused, because nothing else is allowed.
-- service_role has BYPASSRLS; what it may do is in the grants.
-- ---------------------------------------------------------------------------------------------------------------------

alter table public.users enable row level security;
alter table public.users force row level security;
alter table public.credit_packages enable row level security;
alter table public.credit_packages force row level security;
alter table public.jobs enable row level security;
alter table public.jobs force row level security;
alter table public.payments enable row level security;
alter table public.payments force row level security;
alter table public.credit_transactions enable row level security;
alter table public.credit_transactions force row level security;
alter table public.user_preferences enable row level security;
alter table public.user_preferences force row level security;
alter table public.webhook_logs enable row level security;
alter table public.webhook_logs force row level security;
alter table public.api_usage_logs enable row level security;
alter table public.api_usage_logs force row level security;
-- Without a policy: nobody but the owner, even if another application's schema `private` is open to clients.
alter table private.column_privacy enable row level security;
alter table private.column_privacy force row level security;
alter table private.secrets enable row level security;
alter table private.secrets force row level security;
alter table private.trial_takers enable row level security;
alter table private.trial_takers force row level security;
alter table private.debts enable row level security;
alter table private.debts force row level security;
alter table private.partial_refunds enable row level security;
alter table private.partial_refunds force row level security;

create policy "Closed accounts see and do nothing" on public.users
as restrictive to authenticated
using (deleted_at is null) with check (deleted_at is null);
create policy "Closed accounts see and do nothing" on public.jobs
as restrictive to authenticated
using (exists (select from public.users as u where u.id = (select auth.uid()) and u.deleted_at is null))
with check (exists (select from public.users as u where u.id = (select auth.uid()) and u.deleted_at is null));
create policy "Closed accounts see and do nothing" on public.payments
as restrictive to authenticated
using (exists (select from public.users as u where u.id = (select auth.uid()) and u.deleted_at is null))
with check (exists (select from public.users as u where u.id = (select auth.uid()) and u.deleted_at is null));
create policy "Closed accounts see and do nothing" on public.credit_transactions
as restrictive to authenticated
using (exists (select from public.users as u where u.id = (select auth.uid()) and u.deleted_at is null))
with check (exists (select from public.users as u where u.id = (select auth.uid()) and u.deleted_at is null));
create policy "Closed accounts see and do nothing" on public.user_preferences
as restrictive to authenticated
using (exists (select from public.users as u where u.id = (select auth.uid()) and u.deleted_at is null))
with check (exists (select from public.users as u where u.id = (select auth.uid()) and u.deleted_at is null));

create policy "Users view their own row" on public.users
for select to authenticated using (id = (select auth.uid()));
create policy "Users edit their own row" on public.users
for update to authenticated using (id = (select auth.uid())) with check (id = (select auth.uid()));

create policy "Users view their own jobs" on public.jobs
for select to authenticated using (user_id = (select auth.uid()));
create policy "Users start their own jobs" on public.jobs
for insert to authenticated
with check (user_id = (select auth.uid()) and status in ('PENDING', 'UPLOADING', 'QUEUED'));
create policy "Users edit or cancel their own jobs until work begins" on public.jobs
for update to authenticated
using (user_id = (select auth.uid()) and status in ('PENDING', 'UPLOADING', 'QUEUED'))
with check (user_id = (select auth.uid()) and status in ('PENDING', 'UPLOADING', 'QUEUED', 'CANCELLED'));

create policy "Users view their own payments" on public.payments
for select to authenticated using (user_id = (select auth.uid()));

create policy "Users view their own ledger" on public.credit_transactions
for select to authenticated using (user_id = (select auth.uid()));

create policy "Users view their own preferences" on public.user_preferences
for select to authenticated using (user_id = (select auth.uid()));
create policy "Users add their own preferences" on public.user_preferences
for insert to authenticated with check (user_id = (select auth.uid()));
create policy "Users edit their own preferences" on public.user_preferences
for update to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));

create policy "Everybody views what is for sale" on public.credit_packages
for select to anon, authenticated using (is_active);

-- ---------------------------------------------------------------------------------------------------------------------
-- Grants: nothing, then exactly this. The result is the same whether the project granted everything on new objects by
-- default (older Supabase projects), some of it (newer ones) or nothing.
-- ---------------------------------------------------------------------------------------------------------------------

revoke create on schema public from public, anon, authenticated, service_role;
-- By name: other applications may have objects here too.
revoke all on
public.users, public.credit_packages, public.jobs, public.payments, public.credit_transactions, public.user_preferences,
public.webhook_logs, public.api_usage_logs, public.user_stats, public.job_queue_status,
private.secrets, private.trial_takers, private.debts, private.partial_refunds, private.column_privacy
from public, anon, authenticated, service_role;
revoke all on sequence
public.credit_transactions_id_seq, public.webhook_logs_id_seq, public.api_usage_logs_id_seq,
private.debts_id_seq, private.partial_refunds_id_seq
from public, anon, authenticated, service_role;
revoke all on function
public.grant_credits(uuid, integer, public.transaction_type, text, text),
public.close_my_account(),
public.find_users(text),
public.expiring_subscriptions(interval),
public.expire_subscriptions(),
public.purge_logs(interval),
public.reopen_account(uuid),
public.credits_owed(uuid),
public.settle_debt(uuid, integer, text, text),
public.refund_partially(uuid, integer, text, text),
public.reinstate_payment(uuid),
public.claim_next_jobs(text, integer, interval),
public.reclaim_expired_jobs(),
public.heartbeat_job(uuid, uuid, interval, public.job_status, integer, text),
public.complete_job(uuid, uuid, text, text, numeric, numeric),
public.fail_job(uuid, uuid, text, boolean)
from public, anon, authenticated, service_role;

grant usage on schema public to anon, authenticated, service_role;

grant select on public.credit_packages to anon;

grant select on public.users to authenticated;
grant update (full_name, avatar_url) on public.users to authenticated;
grant select on public.jobs to authenticated;
grant insert (user_id, job_name, status, input_video_path, client_request_id) on public.jobs to authenticated;
grant update (job_name, status, input_video_path) on public.jobs to authenticated;
grant select on public.credit_transactions to authenticated;
grant select on public.payments to authenticated;
grant select on public.credit_packages to authenticated;
grant select on public.user_preferences to authenticated;
grant insert (
    user_id, default_aspect_ratio, default_subtitle_style, enable_sound_fx, enable_jump_cuts, email_on_job_complete,
    email_on_job_failed, email_marketing, theme, language, preferences_json
) on public.user_preferences to authenticated;
-- user_id too, which the policy holds to its value: an upsert of supabase-js sets every column that it names.
grant update (
    user_id, default_aspect_ratio, default_subtitle_style, enable_sound_fx, enable_jump_cuts, email_on_job_complete,
    email_on_job_failed, email_marketing, theme, language, preferences_json
) on public.user_preferences to authenticated;
grant select on public.user_stats to authenticated;

grant select on public.users to service_role;
grant update (
    email, full_name, avatar_url, subscription_tier, subscription_expires_at, is_active, last_login_at, deleted_at
) on public.users to service_role;
grant select, insert, update on public.jobs to service_role;
grant select on public.credit_transactions to service_role;
grant select, insert, update on public.payments to service_role;
grant select, insert, update, delete on public.credit_packages to service_role;
grant select, insert, update on public.user_preferences to service_role;
grant select, insert, update on public.webhook_logs to service_role;
grant select, insert, update on public.api_usage_logs to service_role;
grant select on public.user_stats to service_role;
grant select on public.job_queue_status to service_role;

grant execute on function public.grant_credits(uuid, integer, public.transaction_type, text, text) to service_role;
grant execute on function public.close_my_account() to authenticated;
grant execute on function public.find_users(text) to service_role;
grant execute on function public.expiring_subscriptions(interval) to service_role;
grant execute on function public.expire_subscriptions() to service_role;
grant execute on function public.purge_logs(interval) to service_role;
grant execute on function public.reopen_account(uuid) to service_role;
grant execute on function public.credits_owed(uuid) to service_role;
grant execute on function public.settle_debt(uuid, integer, text, text) to service_role;
grant execute on function public.refund_partially(uuid, integer, text, text) to service_role;
grant execute on function public.reinstate_payment(uuid) to service_role;
grant execute on function public.claim_next_jobs(text, integer, interval) to service_role;
grant execute on function public.reclaim_expired_jobs() to service_role;
grant execute on function public.heartbeat_job(uuid, uuid, interval, public.job_status, integer, text) to service_role;
grant execute on function public.complete_job(uuid, uuid, text, text, numeric, numeric) to service_role;
grant execute on function public.fail_job(uuid, uuid, text, boolean) to service_role;

-- ---------------------------------------------------------------------------------------------------------------------
-- Seed: the six packages. The price per credit never rises with the size of the paid pack.
-- ---------------------------------------------------------------------------------------------------------------------

insert into public.credit_packages (
    name, description, credits, price_thb, discount_percentage, is_popular, sort_order
) values
('Trial Pack', 'One video, free, once per account', 1, 0, 0, false, 1),
('Starter Pack', 'For a first series', 3, 99, 0, false, 2),
('Popular Pack', 'For creators who post every week', 10, 299, 10, true, 3),
('Pro Pack', 'For creators who post every day', 25, 699, 15, false, 4),
('Business Pack', 'For teams', 50, 1299, 20, false, 5),
('Enterprise Pack', 'For agencies', 100, 2399, 25, false, 6);

-- ---------------------------------------------------------------------------------------------------------------------
-- Whoever signed up before this file was applied gets an account too.
-- ---------------------------------------------------------------------------------------------------------------------

do $$
begin
    perform private.add_account(a.id, a.email, a.raw_user_meta_data, a.last_sign_in_at)
    from auth.users as a where a.deleted_at is null;
end
$$;
