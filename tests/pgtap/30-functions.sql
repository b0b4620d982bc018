-- Functions: which there are, what they take and return, as whom and with which settings they run.

begin;
select plan(65);

select functions_are(
    'public', array['grant_credits', 'claim_next_jobs', 'reclaim_expired_jobs'], 'what clients may call'
);

select functions_are(
    'private',
    array[
        'set_updated_at', 'start_job', 'move_job', 'check_documents', 'start_payment', 'move_payment',
        'clean_webhook', 'post_entry', 'sync_balance', 'refuse_ledger_change', 'lock_account', 'charge_job',
        'settle_inserted_jobs', 'recover_shortfall', 'settle_moved_jobs', 'settle_payment', 'settle_inserted_payments',
        'settle_moved_payments', 'cancel_jobs', 'cancel_jobs_of_closed_account', 'close_account', 'handle_new_user',
        'handle_changed_user', 'handle_deleted_user', 'handle_login'
    ],
    'what stands behind triggers'
);

select function_returns(
    'public', 'grant_credits',
    array['uuid', 'integer', 'transaction_type', 'text', 'text'],
    'bigint', 'grant_credits returns bigint'
);
select function_returns(
    'public', 'claim_next_jobs',
    array['text', 'integer', 'interval'],
    'setof jobs', 'claim_next_jobs returns setof jobs'
);
select function_returns(
    'public', 'reclaim_expired_jobs',
    array[]::name[],
    'setof jobs', 'reclaim_expired_jobs returns setof jobs'
);

select function_returns('private', f.name, f.type, format('%s returns %s', f.name, f.type))
from (
    values
    ('set_updated_at', 'trigger'),
    ('start_job', 'trigger'),
    ('move_job', 'trigger'),
    ('check_documents', 'trigger'),
    ('start_payment', 'trigger'),
    ('move_payment', 'trigger'),
    ('clean_webhook', 'trigger'),
    ('post_entry', 'bigint'),
    ('sync_balance', 'trigger'),
    ('refuse_ledger_change', 'trigger'),
    ('lock_account', 'void'),
    ('charge_job', 'void'),
    ('settle_inserted_jobs', 'trigger'),
    ('recover_shortfall', 'void'),
    ('settle_moved_jobs', 'trigger'),
    ('settle_payment', 'void'),
    ('settle_inserted_payments', 'trigger'),
    ('settle_moved_payments', 'trigger'),
    ('cancel_jobs', 'void'),
    ('cancel_jobs_of_closed_account', 'trigger'),
    ('close_account', 'void'),
    ('handle_new_user', 'trigger'),
    ('handle_changed_user', 'trigger'),
    ('handle_deleted_user', 'trigger'),
    ('handle_login', 'trigger')
) as f (name, type);

-- PostgREST calls by the names of the arguments, and what has a default may be left out.
select is(pg_get_function_arguments(p.oid), f.arguments, f.name || ': names and defaults of its arguments')
from (
    values
    (
        'grant_credits',
        'user_id uuid, amount integer, type transaction_type, description text, idempotency_key text DEFAULT NULL::text'
    ),
    ('claim_next_jobs', 'worker text, count integer, lease interval'),
    ('reclaim_expired_jobs', '')
) as f (name, arguments)
left join pg_proc as p on f.name = p.proname and p.pronamespace = 'public'::regnamespace;

select is_definer(f.schema, f.name, f.name || ' runs as its owner')
from (
    values
    ('private', 'settle_inserted_jobs'),
    ('private', 'settle_moved_jobs'),
    ('private', 'settle_inserted_payments'),
    ('private', 'settle_moved_payments'),
    ('public', 'grant_credits'),
    ('private', 'cancel_jobs_of_closed_account'),
    ('private', 'handle_new_user'),
    ('private', 'handle_changed_user'),
    ('private', 'handle_deleted_user'),
    ('private', 'handle_login')
) as f (schema, name);

select isnt_definer(f.schema, f.name, f.name || ' runs as its caller')
from (
    values
    ('private', 'set_updated_at'),
    ('private', 'start_job'),
    ('private', 'move_job'),
    ('private', 'check_documents'),
    ('private', 'start_payment'),
    ('private', 'move_payment'),
    ('private', 'clean_webhook'),
    ('private', 'post_entry'),
    ('private', 'sync_balance'),
    ('private', 'refuse_ledger_change'),
    ('private', 'lock_account'),
    ('private', 'charge_job'),
    ('private', 'recover_shortfall'),
    ('private', 'settle_payment'),
    ('public', 'claim_next_jobs'),
    ('public', 'reclaim_expired_jobs'),
    ('private', 'cancel_jobs'),
    ('private', 'close_account')
) as f (schema, name);

select set_eq(
    $$
        select p.proname::text, l.lanname::text
        from pg_proc as p
        inner join pg_language as l on l.oid = p.prolang
        where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace) and l.lanname <> 'plpgsql'
    $$,
    $$values ('reclaim_expired_jobs', 'sql'), ('cancel_jobs', 'sql')$$,
    'these two are plain SQL, all others PL/pgSQL'
);

select is_empty(
    $$
        select p.proname
        from pg_proc as p
        where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace)
            and (p.provolatile <> 'v' or p.proleakproof or p.proparallel <> 'u')
    $$,
    'every function is volatile, parallel unsafe and not leakproof: they write, or read the clock'
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
        ('settle_moved_jobs', 'enable_nestloop=off'),
        ('settle_moved_payments', 'enable_nestloop=off')
    $$,
    'the only other settings: a login waits half a second for a lock; no cached nested loop over moved rows'
);

select finish();
rollback;
