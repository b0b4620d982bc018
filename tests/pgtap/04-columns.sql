-- Every column of every table on a line of its own: type, NOT NULL, default, and the checks that are of it alone.

begin;
select plan(13);

create temporary view described as
select
    format('%s.%s', c.relnamespace::regnamespace, c.relname) as relation,
    concat_ws(
        ' ',
        a.attname,
        format_type(a.atttypid, a.atttypmod),
        case when a.attnotnull then 'not null' end,
        case a.attidentity when 'a' then 'always as identity' when 'd' then 'by default as identity' end,
        'default ' || pg_get_expr(d.adbin, d.adrelid),
        (
            select
                string_agg(
                    regexp_replace(format('%s %s', k.conname, pg_get_constraintdef(k.oid, true)), '\s+', ' ', 'g'),
                    ' ' order by k.conname
                )
            from pg_constraint as k
            where k.conrelid = a.attrelid and k.contype = 'c' and k.conkey = array[a.attnum]
        )
    ) as line
from pg_attribute as a
inner join pg_class as c on a.attrelid = c.oid
left join pg_attrdef as d on a.attrelid = d.adrelid and a.attnum = d.adnum
where
    c.relnamespace in ('public'::regnamespace, 'private'::regnamespace) and c.relkind in ('r', 'p')
    and a.attnum > 0 and not a.attisdropped;

select set_eq(
    $$select d.line from described as d where d.relation = 'public.users'$$,
    array[
        'id uuid not null',
        'email text users_email_is_short CHECK (length(email) <= 320)',
        'full_name text users_full_name_is_plain CHECK (full_name !~ '
        '''[\u0001-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]''::text) '
        'users_full_name_is_short CHECK (length(full_name) <= 200)',
        'avatar_url text users_avatar_url_is_short CHECK (length(avatar_url) <= 2048) users_avatar_url_is_web '
        'CHECK (avatar_url ~* ''^https?://[^[:space:][:cntrl:]<>"''''`\\]+$''::text)',
        'credits integer not null default 0 users_credits_not_negative CHECK (credits >= 0)',
        'total_credits_purchased integer not null default 0 users_total_purchased_not_negative CHECK '
        '(total_credits_purchased >= 0)',
        'total_credits_used integer not null default 0 users_total_used_not_negative CHECK (total_credits_used >= 0)',
        'subscription_tier text not null default ''free''::text users_tier_is_known CHECK (subscription_tier = '
        'ANY (ARRAY[''free''::text, ''basic''::text, ''pro''::text, ''enterprise''::text]))',
        'subscription_expires_at timestamp with time zone',
        'is_active boolean not null default true',
        'last_login_at timestamp with time zone',
        'created_at timestamp with time zone not null default now()',
        'updated_at timestamp with time zone not null default now()',
        'deleted_at timestamp with time zone'
    ],
    'public.users: columns'
);

select set_eq(
    $$select d.line from described as d where d.relation = 'public.credit_packages'$$,
    array[
        'id uuid not null default gen_random_uuid()',
        'name text not null credit_packages_name_in_bounds CHECK (length(name) >= 1 AND length(name) <= 100) '
        'credit_packages_name_is_plain CHECK (name !~ '
        '''[\u0001-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]''::text)',
        'description text credit_packages_description_is_short CHECK (length(description) <= 1000)',
        'credits integer not null credit_packages_credits_in_range CHECK (credits >= 1 AND credits <= 100000)',
        'price_thb numeric(10,2) not null credit_packages_price_in_range CHECK (price_thb >= 0::numeric AND '
        'price_thb <= 1000000::numeric)',
        'discount_percentage smallint not null default 0 credit_packages_discount_in_range CHECK '
        '(discount_percentage >= 0 AND discount_percentage <= 100)',
        'is_popular boolean not null default false',
        'is_active boolean not null default true',
        'sort_order integer not null default 0',
        'metadata jsonb not null default ''{}''::jsonb credit_packages_metadata_is_small_object CHECK '
        '(jsonb_typeof(metadata) = ''object''::text AND octet_length(metadata::text) <= 16384)',
        'created_at timestamp with time zone not null default now()',
        'updated_at timestamp with time zone not null default now()'
    ],
    'public.credit_packages: columns'
);

select set_eq(
    $$select d.line from described as d where d.relation = 'public.jobs'$$,
    array[
        'id uuid not null default gen_random_uuid()',
        'user_id uuid not null',
        $$job_name text not null default 'Untitled video'::text$$,
        'priority smallint not null default 0',
        $$status job_status not null default 'PENDING'::job_status$$,
        'progress_percentage smallint not null default 0 jobs_progress_in_range CHECK (progress_percentage >= 0 '
        'AND progress_percentage <= 100)',
        'current_step text jobs_current_step_is_short CHECK (length(current_step) <= 200)',
        'input_video_path text',
        'path_changes smallint not null default 0',
        'output_video_path text',
        'thumbnail_path text',
        'input_duration_seconds numeric(10,3)',
        'output_duration_seconds numeric(10,3)',
        'input_file_size_mb numeric(10,2)',
        'output_file_size_mb numeric(10,2)',
        'video_resolution text',
        'transcription_json jsonb',
        'analysis_json jsonb',
        'replicate_prediction_id text',
        'error_message text',
        'retry_count smallint not null default 0',
        'max_retries smallint not null default 3',
        'credits_cost integer not null default 1',
        'client_request_id text',
        'worker_id text',
        'attempt_token uuid',
        'lease_expires_at timestamp with time zone',
        'next_attempt_at timestamp with time zone',
        'turn_at timestamp with time zone',
        'queued_at timestamp with time zone',
        'started_at timestamp with time zone',
        'completed_at timestamp with time zone',
        'created_at timestamp with time zone not null default now()',
        'updated_at timestamp with time zone not null default now()'
    ],
    'public.jobs: columns'
);

select set_eq(
    $$select d.line from described as d where d.relation = 'public.payments'$$,
    array[
        'id uuid not null default gen_random_uuid()',
        'user_id uuid not null',
        'package_id uuid',
        'provider payment_provider not null',
        'provider_transaction_id text payments_transaction_id_is_short CHECK (length(provider_transaction_id) >= '
        '1 AND length(provider_transaction_id) <= 255)',
        'amount_thb numeric(10,2) not null payments_amount_in_range CHECK (amount_thb >= 0::numeric AND '
        'amount_thb <= 1000000::numeric)',
        'credits_purchased integer not null payments_credits_in_range CHECK (credits_purchased >= 1 AND '
        'credits_purchased <= 100000)',
        $$status payment_status not null default 'PENDING'::payment_status$$,
        'payment_method text payments_method_is_short CHECK (length(payment_method) <= 100)',
        'metadata jsonb not null default ''{}''::jsonb payments_metadata_is_small_object CHECK '
        '(jsonb_typeof(metadata) = ''object''::text AND octet_length((metadata - ''shortfall''::text)::text) <= '
        '16384 AND octet_length((metadata -> ''shortfall''::text)::text) <= 20)',
        'paid_at timestamp with time zone',
        'refunded_at timestamp with time zone',
        'created_at timestamp with time zone not null default now()',
        'updated_at timestamp with time zone not null default now()'
    ],
    'public.payments: columns'
);

select set_eq(
    $$select d.line from described as d where d.relation = 'public.credit_transactions'$$,
    array[
        'id bigint not null always as identity',
        'user_id uuid not null',
        'type transaction_type not null',
        'amount integer not null',
        'balance_after integer not null credit_transactions_balance_not_negative CHECK (balance_after >= 0)',
        'job_id uuid',
        'payment_id uuid',
        'idempotency_key text credit_transactions_key_is_short CHECK (length(idempotency_key) >= 1 AND '
        'length(idempotency_key) <= 200)',
        'description text credit_transactions_description_is_short CHECK (length(description) <= 500)',
        'metadata jsonb not null default ''{}''::jsonb credit_transactions_metadata_is_small_object CHECK '
        '(jsonb_typeof(metadata) = ''object''::text AND octet_length(metadata::text) <= 16384)',
        'created_at timestamp with time zone not null default clock_timestamp()'
    ],
    'public.credit_transactions: columns'
);

select set_eq(
    $$select d.line from described as d where d.relation = 'public.user_preferences'$$,
    array[
        'user_id uuid not null',
        'default_aspect_ratio text not null default ''9:16''::text user_preferences_aspect_ratio_is_known CHECK '
        '(default_aspect_ratio = ANY (ARRAY[''9:16''::text, ''16:9''::text, ''1:1''::text, ''4:5''::text]))',
        'default_subtitle_style text not null default ''standard''::text user_preferences_subtitle_style_is_known '
        'CHECK (default_subtitle_style = ANY (ARRAY[''standard''::text, ''highlight''::text, ''animated''::text]))',
        'enable_sound_fx boolean not null default true',
        'enable_jump_cuts boolean not null default true',
        'email_on_job_complete boolean not null default true',
        'email_on_job_failed boolean not null default true',
        'email_marketing boolean not null default false',
        'theme text not null default ''auto''::text user_preferences_theme_is_known CHECK (theme = ANY '
        '(ARRAY[''light''::text, ''dark''::text, ''auto''::text]))',
        'language text not null default ''th''::text user_preferences_language_is_known CHECK (language = ANY '
        '(ARRAY[''th''::text, ''en''::text]))',
        'preferences_json jsonb not null default ''{}''::jsonb user_preferences_json_is_small_object CHECK '
        '(jsonb_typeof(preferences_json) = ''object''::text AND octet_length(preferences_json::text) <= 16384)',
        'created_at timestamp with time zone not null default now()',
        'updated_at timestamp with time zone not null default now()'
    ],
    'public.user_preferences: columns'
);

select set_eq(
    $$select d.line from described as d where d.relation = 'public.webhook_logs'$$,
    array[
        'id bigint not null always as identity',
        'provider text not null webhook_logs_provider_in_bounds CHECK (length(provider) >= 1 AND length(provider) '
        '<= 50)',
        'event_id text not null webhook_logs_event_id_in_bounds CHECK (length(event_id) >= 1 AND length(event_id) '
        '<= 255)',
        'event_type text not null webhook_logs_event_type_in_bounds CHECK (length(event_type) >= 1 AND '
        'length(event_type) <= 100)',
        'payload jsonb not null default ''{}''::jsonb webhook_logs_payload_is_bounded CHECK '
        '((jsonb_typeof(payload) = ANY (ARRAY[''object''::text, ''array''::text])) AND '
        'octet_length(payload::text) <= 1048576)',
        'headers jsonb not null default ''{}''::jsonb webhook_logs_headers_is_small_object CHECK '
        '(jsonb_typeof(headers) = ''object''::text AND octet_length(headers::text) <= 65536)',
        'processed boolean not null default false',
        'processed_at timestamp with time zone',
        'error_message text webhook_logs_error_message_is_short CHECK (length(error_message) <= 4000)',
        'job_id uuid',
        'payment_id uuid',
        'created_at timestamp with time zone not null default now()'
    ],
    'public.webhook_logs: columns'
);

select set_eq(
    $$select d.line from described as d where d.relation = 'public.api_usage_logs'$$,
    array[
        'id bigint not null always as identity',
        'job_id uuid',
        'user_id uuid',
        'api_provider text not null api_usage_logs_provider_in_bounds CHECK (length(api_provider) >= 1 AND '
        'length(api_provider) <= 50)',
        'api_endpoint text api_usage_logs_endpoint_is_short CHECK (length(api_endpoint) <= 500)',
        'tokens_used integer not null default 0 api_usage_logs_tokens_not_negative CHECK (tokens_used >= 0)',
        'processing_time_seconds numeric(12,3) not null default 0 api_usage_logs_time_in_range CHECK '
        '(processing_time_seconds >= 0::numeric AND processing_time_seconds <= 100000000::numeric)',
        'cost_usd numeric(12,6) not null default 0 api_usage_logs_cost_in_range CHECK (cost_usd >= 0::numeric AND '
        'cost_usd <= 100000::numeric)',
        'request_metadata jsonb not null default ''{}''::jsonb api_usage_logs_request_is_small_object CHECK '
        '(jsonb_typeof(request_metadata) = ''object''::text AND octet_length(request_metadata::text) <= 65536)',
        'response_metadata jsonb not null default ''{}''::jsonb api_usage_logs_response_is_small_object CHECK '
        '(jsonb_typeof(response_metadata) = ''object''::text AND octet_length(response_metadata::text) <= 65536)',
        'created_at timestamp with time zone not null default now()'
    ],
    'public.api_usage_logs: columns'
);

select set_eq(
    $$select d.line from described as d where d.relation = 'private.column_privacy'$$,
    array[
        'table_name text not null',
        'column_name text not null',
        'is_personal boolean not null'
    ],
    'private.column_privacy: columns'
);

select set_eq(
    $$select d.line from described as d where d.relation = 'private.secrets'$$,
    array[
        'name text not null',
        'value bytea not null'
    ],
    'private.secrets: columns'
);

select set_eq(
    $$select d.line from described as d where d.relation = 'private.trial_takers'$$,
    array[
        'person bytea not null',
        'taken_at timestamp with time zone not null default now()'
    ],
    'private.trial_takers: columns'
);

select set_eq(
    $$select d.line from described as d where d.relation = 'private.debts'$$,
    array[
        'id bigint not null always as identity',
        'user_id uuid not null',
        'payment_id uuid not null',
        'kind text not null debts_kind_is_known CHECK (kind = ANY (ARRAY[''shortfall''::text, '
        '''recovered''::text, ''settled''::text]))',
        'credits integer not null debts_credits_positive CHECK (credits > 0)',
        'after_entry bigint',
        'is_partial boolean not null default false',
        'shortfall_id bigint',
        'description text debts_description_is_short CHECK (length(description) <= 500)',
        'idempotency_key text debts_key_is_short CHECK (length(idempotency_key) >= 1 AND length(idempotency_key) '
        '<= 200)',
        'created_at timestamp with time zone not null default clock_timestamp()'
    ],
    'private.debts: columns'
);

select set_eq(
    $$select d.line from described as d where d.relation = 'private.partial_refunds'$$,
    array[
        'id bigint not null always as identity',
        'payment_id uuid not null',
        'credits integer not null partial_refunds_credits_positive CHECK (credits > 0)',
        'description text partial_refunds_description_is_short CHECK (length(description) <= 500)',
        'idempotency_key text not null partial_refunds_key_is_short CHECK (length(idempotency_key) >= 1 AND '
        'length(idempotency_key) <= 200)',
        'created_at timestamp with time zone not null default clock_timestamp()'
    ],
    'private.partial_refunds: columns'
);

select finish();
rollback;
