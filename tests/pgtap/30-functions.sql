-- Functions: which there are, what they take and return, as whom and with which settings they run.

begin;
select plan(163);

select functions_are(
    'public',
    array[
        'grant_credits', 'credits_owed', 'settle_debt', 'refund_partially', 'reinstate_payment', 'claim_next_jobs',
        'heartbeat_job', 'complete_job', 'fail_job', 'reclaim_expired_jobs', 'close_my_account', 'reopen_account',
        'find_users', 'expiring_subscriptions', 'expire_subscriptions', 'purge_logs', 'objects_to_erase'
    ],
    'what the API may call'
);

select functions_are(
    'private',
    array[
        'set_updated_at', 'start_job', 'move_job', 'is_own_path', 'check_job_values', 'start_payment', 'move_payment',
        'mirror_shortfall', 'clean_webhook', 'post_entry', 'sync_balance', 'refuse_ledger_change', 'keep_description',
        'lock_account', 'charge_jobs', 'settle_inserted_jobs', 'check_job_limits', 'refund_jobs',
        'open_debts', 'reduce_debt', 'recover_debts', 'lock_debts', 'settle_moved_jobs', 'hash_person',
        'normalise_email', 'hash_identities', 'take_trial', 'remember_trial', 'settle_payment', 'add_debt',
        'refuse_double_sale', 'settle_inserted_payments', 'settle_moved_payments', 'take_turn', 'keep_turns',
        'take_jobs_back', 'try_to_take_back', 'anonymise_user', 'empty_closed_account', 'erase_account',
        'rows_of_account', 'try_to_close', 'wait_for_row', 'lock_rows', 'close_account', 'clean_name', 'clean_avatar',
        'add_account', 'handle_new_user', 'handle_changed_user', 'handle_deleted_user', 'handle_login'
    ],
    'what stands behind triggers and those'
);

-- PostgREST calls by the names of the arguments, and what has a default may be left out.
select is(pg_get_function_arguments(p.oid), f.arguments, f.name || ': names and defaults of its arguments')
from (
    values
    (
        'grant_credits',
        'user_id uuid, amount integer, type transaction_type, description text, idempotency_key text DEFAULT '
        'NULL::text'
    ),
    ('credits_owed', 'user_id uuid'),
    ('settle_debt', 'user_id uuid, amount integer, description text, idempotency_key text DEFAULT NULL::text'),
    ('refund_partially', 'payment_id uuid, credits integer, description text, idempotency_key text'),
    ('reinstate_payment', 'payment_id uuid'),
    ('claim_next_jobs', 'worker text, count integer, lease interval'),
    (
        'heartbeat_job',
        'job_id uuid, token uuid, lease interval DEFAULT ''00:15:00''::interval, stage job_status DEFAULT '
        'NULL::job_status, progress integer DEFAULT NULL::integer, step text DEFAULT NULL::text'
    ),
    (
        'complete_job',
        'job_id uuid, token uuid, output_video_path text, thumbnail_path text DEFAULT NULL::text, '
        'output_duration_seconds numeric DEFAULT NULL::numeric, output_file_size_mb numeric DEFAULT NULL::numeric'
    ),
    ('fail_job', 'job_id uuid, token uuid, error_message text, retry boolean DEFAULT true'),
    ('reclaim_expired_jobs', ''),
    ('close_my_account', ''),
    ('reopen_account', 'user_id uuid'),
    ('find_users', 'email text'),
    ('expiring_subscriptions', 'within interval'),
    ('expire_subscriptions', ''),
    ('purge_logs', 'older_than interval'),
    ('objects_to_erase', '')
) as f (name, arguments)
left join pg_proc as p on f.name = p.proname and p.pronamespace = 'public'::regnamespace;

select is(lower(pg_get_function_result(p.oid)), f.type, format('%s returns %s', f.name, f.type))
from (
    values
    ('private', 'set_updated_at', 'trigger'),
    ('private', 'start_job', 'trigger'),
    ('private', 'move_job', 'trigger'),
    ('private', 'is_own_path', 'boolean'),
    ('private', 'check_job_values', 'trigger'),
    ('private', 'start_payment', 'trigger'),
    ('private', 'move_payment', 'trigger'),
    ('private', 'mirror_shortfall', 'trigger'),
    ('private', 'clean_webhook', 'trigger'),
    ('private', 'post_entry', 'bigint'),
    ('private', 'sync_balance', 'trigger'),
    ('private', 'refuse_ledger_change', 'trigger'),
    ('private', 'keep_description', 'trigger'),
    ('private', 'lock_account', 'void'),
    ('private', 'charge_jobs', 'void'),
    ('private', 'settle_inserted_jobs', 'trigger'),
    ('private', 'check_job_limits', 'void'),
    ('private', 'refund_jobs', 'void'),
    (
        'private', 'open_debts',
        'table(shortfall_id bigint, payment_id uuid, after_entry bigint, is_partial boolean, owed integer)'
    ),
    ('private', 'reduce_debt', 'void'),
    ('private', 'recover_debts', 'void'),
    ('private', 'lock_debts', 'void'),
    ('private', 'settle_moved_jobs', 'trigger'),
    ('private', 'hash_person', 'bytea'),
    ('private', 'normalise_email', 'text'),
    ('private', 'hash_identities', 'bytea[]'),
    ('private', 'take_trial', 'void'),
    ('private', 'remember_trial', 'void'),
    ('private', 'settle_payment', 'void'),
    ('private', 'add_debt', 'void'),
    ('private', 'refuse_double_sale', 'void'),
    ('private', 'settle_inserted_payments', 'trigger'),
    ('private', 'settle_moved_payments', 'trigger'),
    ('public', 'grant_credits', 'bigint'),
    ('public', 'credits_owed', 'integer'),
    ('public', 'settle_debt', 'integer'),
    ('public', 'refund_partially', 'integer'),
    ('public', 'reinstate_payment', 'integer'),
    ('private', 'take_turn', 'trigger'),
    ('private', 'keep_turns', 'void'),
    ('public', 'claim_next_jobs', 'setof jobs'),
    ('public', 'heartbeat_job', 'boolean'),
    ('public', 'complete_job', 'boolean'),
    ('public', 'fail_job', 'boolean'),
    ('private', 'take_jobs_back', 'void'),
    ('private', 'try_to_take_back', 'boolean'),
    ('public', 'reclaim_expired_jobs', 'setof jobs'),
    ('private', 'anonymise_user', 'trigger'),
    ('private', 'empty_closed_account', 'trigger'),
    ('private', 'erase_account', 'void'),
    ('private', 'rows_of_account', 'text[]'),
    ('private', 'try_to_close', 'boolean'),
    ('private', 'lock_rows', 'void'),
    ('private', 'wait_for_row', 'void'),
    ('private', 'close_account', 'void'),
    ('public', 'close_my_account', 'void'),
    ('public', 'reopen_account', 'boolean'),
    ('private', 'clean_name', 'text'),
    ('private', 'clean_avatar', 'text'),
    ('private', 'add_account', 'void'),
    ('private', 'handle_new_user', 'trigger'),
    ('private', 'handle_changed_user', 'trigger'),
    ('private', 'handle_deleted_user', 'trigger'),
    ('private', 'handle_login', 'trigger'),
    ('public', 'find_users', 'setof users'),
    ('public', 'expiring_subscriptions', 'setof users'),
    ('public', 'expire_subscriptions', 'setof users'),
    ('public', 'purge_logs', 'bigint'),
    ('public', 'objects_to_erase', 'table(bucket_id text, name text)')
) as f (schema, name, type)
left join pg_proc as p on f.name = p.proname and to_regnamespace(f.schema) = p.pronamespace;

select is_definer(f.schema, f.name, f.name || ' runs as its owner')
from (
    values
    ('private', 'check_job_values'),
    ('private', 'mirror_shortfall'),
    ('private', 'settle_inserted_jobs'),
    ('private', 'settle_moved_jobs'),
    ('private', 'settle_inserted_payments'),
    ('private', 'settle_moved_payments'),
    ('public', 'grant_credits'),
    ('public', 'credits_owed'),
    ('public', 'settle_debt'),
    ('public', 'refund_partially'),
    ('public', 'reinstate_payment'),
    ('private', 'take_turn'),
    ('public', 'reclaim_expired_jobs'),
    ('private', 'empty_closed_account'),
    ('public', 'close_my_account'),
    ('public', 'reopen_account'),
    ('private', 'handle_new_user'),
    ('private', 'handle_changed_user'),
    ('private', 'handle_deleted_user'),
    ('private', 'handle_login'),
    ('public', 'purge_logs'),
    ('public', 'objects_to_erase')
) as f (schema, name);

select isnt_definer(f.schema, f.name, f.name || ' runs as its caller')
from (
    values
    ('private', 'set_updated_at'),
    ('private', 'start_job'),
    ('private', 'move_job'),
    ('private', 'is_own_path'),
    ('private', 'start_payment'),
    ('private', 'move_payment'),
    ('private', 'clean_webhook'),
    ('private', 'post_entry'),
    ('private', 'sync_balance'),
    ('private', 'refuse_ledger_change'),
    ('private', 'keep_description'),
    ('private', 'lock_account'),
    ('private', 'charge_jobs'),
    ('private', 'check_job_limits'),
    ('private', 'refund_jobs'),
    ('private', 'open_debts'),
    ('private', 'reduce_debt'),
    ('private', 'recover_debts'),
    ('private', 'lock_debts'),
    ('private', 'hash_person'),
    ('private', 'normalise_email'),
    ('private', 'hash_identities'),
    ('private', 'take_trial'),
    ('private', 'remember_trial'),
    ('private', 'settle_payment'),
    ('private', 'add_debt'),
    ('private', 'refuse_double_sale'),
    ('private', 'keep_turns'),
    ('public', 'claim_next_jobs'),
    ('public', 'heartbeat_job'),
    ('public', 'complete_job'),
    ('public', 'fail_job'),
    ('private', 'take_jobs_back'),
    ('private', 'try_to_take_back'),
    ('private', 'anonymise_user'),
    ('private', 'erase_account'),
    ('private', 'rows_of_account'),
    ('private', 'try_to_close'),
    ('private', 'lock_rows'),
    ('private', 'wait_for_row'),
    ('private', 'close_account'),
    ('private', 'clean_name'),
    ('private', 'clean_avatar'),
    ('private', 'add_account'),
    ('public', 'find_users'),
    ('public', 'expiring_subscriptions'),
    ('public', 'expire_subscriptions')
) as f (schema, name);

select set_eq(
    $$
        select p.proname::text
        from pg_proc as p
        inner join pg_language as l on l.oid = p.prolang
        where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace) and l.lanname = 'sql'
    $$,
    array[
        'open_debts', 'hash_person', 'normalise_email', 'hash_identities', 'remember_trial',
        'credits_owed', 'take_jobs_back', 'rows_of_account', 'clean_name', 'clean_avatar', 'find_users',
        'expiring_subscriptions', 'expire_subscriptions', 'objects_to_erase'
    ],
    'these are plain SQL'
);

select is_empty(
    $$
        select p.proname
        from pg_proc as p
        inner join pg_language as l on l.oid = p.prolang
        where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace)
            and l.lanname not in ('sql', 'plpgsql')
    $$,
    'all others are PL/pgSQL'
);

select set_eq(
    $$
        select p.proname::text, p.provolatile::text
        from pg_proc as p
        where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace) and p.provolatile <> 'v'
    $$,
    $$
        values
        ('is_own_path', 'i'),
        ('open_debts', 's'),
        ('hash_person', 's'),
        ('normalise_email', 'i'),
        ('hash_identities', 's'),
        ('credits_owed', 's'),
        ('rows_of_account', 'i'),
        ('clean_name', 'i'),
        ('clean_avatar', 'i'),
        ('find_users', 's'),
        ('expiring_subscriptions', 's'),
        ('objects_to_erase', 's')
    $$,
    'these change nothing; every other function is volatile: it writes, or reads the clock'
);

select is_empty(
    $$
        select p.proname
        from pg_proc as p
        where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace)
            and (p.proleakproof or p.proparallel <> 'u')
    $$,
    'every function is parallel unsafe and not leakproof'
);

select is_empty(
    $$
        select p.proname
        from pg_proc as p
        where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace)
            and 'search_path=""' <> all (coalesce(p.proconfig, '{}'))
    $$,
    'every function has an empty search_path'
);

select set_eq(
    $$
        select p.proname::text, s.setting
        from pg_proc as p
        cross join unnest(p.proconfig) as s (setting)
        where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace) and s.setting not like 'search_path=%'
    $$,
    $$
        values
        ('handle_login', 'lock_timeout=500ms'),
        ('claim_next_jobs', 'plan_cache_mode=force_generic_plan'),
        ('settle_moved_jobs', 'enable_nestloop=off'),
        ('settle_moved_payments', 'enable_nestloop=off')
    $$,
    'the only other settings: a login waits half a second for a lock; a claim is not planned anew; no cached nested '
    'loop over moved rows'
);

select finish();
rollback;
