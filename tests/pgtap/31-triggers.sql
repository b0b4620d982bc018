-- Triggers: their names, and when, on what and how often they fire.

begin;
select plan(36);

select triggers_are(
    'public', 'users', array['users_set_updated_at', 'users_anonymise', 'users_empty_closed'], 'users: triggers'
);
select triggers_are(
    'public', 'credit_packages',
    array['credit_packages_set_updated_at'],
    'credit_packages: triggers'
);
select triggers_are(
    'public', 'jobs',
    array[
        'jobs_start', 'jobs_move', 'jobs_check_values', 'jobs_take_turn', 'jobs_settle_insert', 'jobs_settle_update'
    ],
    'jobs: triggers'
);
select triggers_are(
    'public', 'payments',
    array[
        'payments_set_updated_at', 'payments_start', 'payments_move', 'payments_mirror_shortfall',
        'payments_settle_insert', 'payments_settle_update'
    ],
    'payments: triggers'
);
select triggers_are(
    'public', 'credit_transactions',
    array[
        'credit_transactions_sync_balance', 'credit_transactions_append_only', 'credit_transactions_keep_description'
    ],
    'credit_transactions: triggers'
);
select triggers_are(
    'public', 'user_preferences',
    array['user_preferences_set_updated_at'],
    'user_preferences: triggers'
);
select triggers_are('public', 'webhook_logs', array['webhook_logs_clean'], 'webhook_logs: triggers');
select triggers_are('public', 'api_usage_logs', array[]::name[], 'api_usage_logs: no triggers');
select triggers_are(
    'auth', 'users',
    array['autocut_new_user', 'autocut_changed_user', 'autocut_login', 'autocut_deleted_user'],
    'users: triggers'
);

select is(pg_get_triggerdef(t.oid), d.definition, d.name)
from (
    values
    (
        'public.users',
        'users_set_updated_at',
        'CREATE TRIGGER users_set_updated_at BEFORE INSERT OR UPDATE ON public.users FOR EACH ROW EXECUTE FUNCTION '
        'private.set_updated_at()'
    ),
    (
        'public.users',
        'users_anonymise',
        'CREATE TRIGGER users_anonymise BEFORE UPDATE OF deleted_at ON public.users FOR EACH ROW WHEN '
        '((new.deleted_at IS NOT NULL)) EXECUTE FUNCTION private.anonymise_user()'
    ),
    (
        'public.users',
        'users_empty_closed',
        'CREATE TRIGGER users_empty_closed AFTER UPDATE OF deleted_at ON public.users FOR EACH ROW WHEN '
        '((new.deleted_at IS NOT NULL)) EXECUTE FUNCTION private.empty_closed_account()'
    ),
    (
        'public.credit_packages',
        'credit_packages_set_updated_at',
        'CREATE TRIGGER credit_packages_set_updated_at BEFORE INSERT OR UPDATE ON public.credit_packages FOR EACH '
        'ROW EXECUTE FUNCTION private.set_updated_at()'
    ),
    (
        'public.payments',
        'payments_set_updated_at',
        'CREATE TRIGGER payments_set_updated_at BEFORE UPDATE ON public.payments FOR EACH ROW EXECUTE FUNCTION '
        'private.set_updated_at()'
    ),
    (
        'public.payments',
        'payments_start',
        'CREATE TRIGGER payments_start BEFORE INSERT ON public.payments FOR EACH ROW EXECUTE FUNCTION '
        'private.start_payment()'
    ),
    (
        'public.payments',
        'payments_move',
        'CREATE TRIGGER payments_move BEFORE UPDATE ON public.payments FOR EACH ROW EXECUTE FUNCTION '
        'private.move_payment()'
    ),
    (
        'public.payments',
        'payments_mirror_shortfall',
        'CREATE TRIGGER payments_mirror_shortfall BEFORE INSERT OR UPDATE OF metadata ON public.payments FOR EACH '
        'ROW EXECUTE FUNCTION private.mirror_shortfall()'
    ),
    (
        'public.payments',
        'payments_settle_insert',
        'CREATE TRIGGER payments_settle_insert AFTER INSERT ON public.payments REFERENCING NEW TABLE AS inserted '
        'FOR EACH STATEMENT EXECUTE FUNCTION private.settle_inserted_payments()'
    ),
    (
        'public.payments',
        'payments_settle_update',
        'CREATE TRIGGER payments_settle_update AFTER UPDATE ON public.payments REFERENCING OLD TABLE AS moved_from '
        'NEW TABLE AS moved_to FOR EACH STATEMENT EXECUTE FUNCTION private.settle_moved_payments()'
    ),
    (
        'public.user_preferences',
        'user_preferences_set_updated_at',
        'CREATE TRIGGER user_preferences_set_updated_at BEFORE INSERT OR UPDATE ON public.user_preferences FOR '
        'EACH ROW EXECUTE FUNCTION private.set_updated_at()'
    ),
    (
        'public.jobs',
        'jobs_start',
        'CREATE TRIGGER jobs_start BEFORE INSERT ON public.jobs FOR EACH ROW EXECUTE FUNCTION private.start_job()'
    ),
    (
        'public.jobs',
        'jobs_move',
        'CREATE TRIGGER jobs_move BEFORE UPDATE ON public.jobs FOR EACH ROW EXECUTE FUNCTION private.move_job()'
    ),
    (
        'public.jobs',
        'jobs_check_values',
        'CREATE TRIGGER jobs_check_values BEFORE INSERT OR UPDATE OF job_name, priority, input_video_path, '
        'output_video_path, thumbnail_path, input_duration_seconds, output_duration_seconds, input_file_size_mb, '
        'output_file_size_mb, video_resolution, replicate_prediction_id, error_message, retry_count, max_retries, '
        'credits_cost, client_request_id, transcription_json, analysis_json ON public.jobs FOR EACH ROW EXECUTE '
        'FUNCTION private.check_job_values()'
    ),
    (
        'public.jobs',
        'jobs_take_turn',
        'CREATE TRIGGER jobs_take_turn BEFORE INSERT OR UPDATE OF status ON public.jobs FOR EACH ROW WHEN '
        '((new.status = ''QUEUED''::job_status)) EXECUTE FUNCTION private.take_turn()'
    ),
    (
        'public.jobs',
        'jobs_settle_insert',
        'CREATE TRIGGER jobs_settle_insert AFTER INSERT ON public.jobs REFERENCING NEW TABLE AS inserted FOR EACH '
        'STATEMENT EXECUTE FUNCTION private.settle_inserted_jobs()'
    ),
    (
        'public.jobs',
        'jobs_settle_update',
        'CREATE TRIGGER jobs_settle_update AFTER UPDATE ON public.jobs REFERENCING OLD TABLE AS moved_from NEW '
        'TABLE AS moved_to FOR EACH STATEMENT EXECUTE FUNCTION private.settle_moved_jobs()'
    ),
    (
        'public.credit_transactions',
        'credit_transactions_sync_balance',
        'CREATE TRIGGER credit_transactions_sync_balance AFTER INSERT ON public.credit_transactions REFERENCING '
        'NEW TABLE AS posted FOR EACH STATEMENT EXECUTE FUNCTION private.sync_balance()'
    ),
    (
        'public.credit_transactions',
        'credit_transactions_append_only',
        'CREATE TRIGGER credit_transactions_append_only BEFORE DELETE OR UPDATE OF id, user_id, type, amount, '
        'balance_after, job_id, payment_id, idempotency_key, metadata, created_at OR TRUNCATE ON '
        'public.credit_transactions FOR EACH STATEMENT EXECUTE FUNCTION private.refuse_ledger_change()'
    ),
    (
        'public.credit_transactions',
        'credit_transactions_keep_description',
        'CREATE TRIGGER credit_transactions_keep_description BEFORE UPDATE OF description ON '
        'public.credit_transactions FOR EACH ROW EXECUTE FUNCTION private.keep_description()'
    ),
    (
        'public.webhook_logs',
        'webhook_logs_clean',
        'CREATE TRIGGER webhook_logs_clean BEFORE INSERT OR UPDATE ON public.webhook_logs FOR EACH ROW EXECUTE '
        'FUNCTION private.clean_webhook()'
    ),
    (
        'auth.users',
        'autocut_new_user',
        'CREATE TRIGGER autocut_new_user AFTER INSERT ON auth.users FOR EACH ROW EXECUTE FUNCTION '
        'private.handle_new_user()'
    ),
    (
        'auth.users',
        'autocut_changed_user',
        'CREATE TRIGGER autocut_changed_user AFTER UPDATE OF email, phone, deleted_at ON auth.users FOR EACH ROW '
        'WHEN ((((new.email)::text IS DISTINCT FROM (old.email)::text) OR (new.phone IS DISTINCT FROM old.phone) OR '
        '(new.deleted_at IS DISTINCT FROM old.deleted_at))) '
        'EXECUTE FUNCTION private.handle_changed_user()'
    ),
    (
        'auth.users',
        'autocut_login',
        'CREATE TRIGGER autocut_login AFTER UPDATE OF last_sign_in_at ON auth.users FOR EACH ROW WHEN '
        '((new.last_sign_in_at IS DISTINCT FROM old.last_sign_in_at)) EXECUTE FUNCTION private.handle_login()'
    ),
    (
        'auth.users',
        'autocut_deleted_user',
        'CREATE TRIGGER autocut_deleted_user AFTER DELETE ON auth.users FOR EACH ROW EXECUTE FUNCTION '
        'private.handle_deleted_user()'
    )
) as d (relation, name, definition)
left join pg_trigger as t on to_regclass(d.relation) = t.tgrelid and d.name = t.tgname;

select set_eq(
    $$
        select t.tgname::text
        from pg_trigger as t
        inner join pg_class as c on c.oid = t.tgrelid
        where c.relnamespace = 'public'::regnamespace and t.tgenabled = 'A'
    $$,
    array['credit_transactions_append_only', 'credit_transactions_keep_description'],
    'the ledger stays append-only under session_replication_role = replica; no other trigger fires there'
);

select is_empty(
    $$
        select t.tgrelid::regclass, t.tgname
        from pg_trigger as t
        inner join pg_proc as p on p.oid = t.tgfoid
        where p.pronamespace = 'private'::regnamespace and t.tgenabled not in ('O', 'A')
    $$,
    'no trigger is disabled'
);

select finish();
rollback;
