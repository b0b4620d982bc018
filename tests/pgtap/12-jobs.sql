-- jobs: videos to cut.

begin;
select plan(16);

select col_is_pk('public', 'jobs', 'id', 'jobs: primary key');
select col_is_unique('public', 'jobs', array['id', 'user_id'], 'jobs_id_and_user_is_unique');
select col_is_unique('public', 'jobs', array['user_id', 'client_request_id'], 'jobs_client_request_is_unique');
select index_is_unique(
    'public', 'jobs', 'jobs_prediction_is_unique', 'a replicate_prediction_id belongs to one job'
);
select fk_ok('public', 'jobs', 'user_id', 'public', 'users', 'id', 'jobs_user_id_fkey');

select set_eq(
    $$
        select format('%s %s', k.conname, pg_get_constraintdef(k.oid, true))
        from pg_constraint as k
        where k.conrelid = 'public.jobs'::regclass and k.contype in ('p', 'u', 'f', 'x')
    $$,
    array[
        'jobs_pkey PRIMARY KEY (id)',
        'jobs_id_and_user_is_unique UNIQUE (id, user_id)',
        'jobs_client_request_is_unique UNIQUE (user_id, client_request_id)',
        'jobs_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id)'
    ],
    'jobs: these keys, and what deleting a referenced row does'
);

select set_eq(
    $$
        select regexp_replace(format('%s %s', k.conname, pg_get_constraintdef(k.oid, true)), '\s+', ' ', 'g')
        from pg_constraint as k
        where k.conrelid = 'public.jobs'::regclass and k.contype = 'c' and coalesce(cardinality(k.conkey), 0) <> 1
    $$,
    array[
        'jobs_at_work_has_lease CHECK (status < ''TRANSCRIBING''::job_status OR status > '
        '''RENDERING''::job_status OR COALESCE(isfinite(lease_expires_at), false))',
        $$jobs_terminal_has_completion CHECK ((status >= 'COMPLETED'::job_status) = (completed_at IS NOT NULL))$$,
        $$jobs_completed_is_whole CHECK (status <> 'COMPLETED'::job_status OR progress_percentage = 100)$$,
        'jobs_times_in_order CHECK (queued_at >= created_at AND started_at >= COALESCE(queued_at, created_at) AND '
        'completed_at >= COALESCE(started_at, queued_at, created_at))'
    ],
    'jobs: these checks of several columns, and no others'
);

select indexes_are(
    'public', 'jobs',
    array[
        'jobs_pkey', 'jobs_id_and_user_is_unique', 'jobs_client_request_is_unique', 'jobs_next_idx', 'jobs_retry_idx',
        'jobs_lease_idx', 'jobs_prediction_is_unique', 'jobs_user_newest_idx', 'jobs_unpaid_idx', 'jobs_turn_idx',
        'jobs_status_idx'
    ],
    'jobs: indexes'
);

select is(pg_get_indexdef(to_regclass('public.' || i.name)), i.definition, i.name)
from (
    values
    (
        'jobs_next_idx',
        'CREATE INDEX jobs_next_idx ON public.jobs USING btree (priority DESC, COALESCE(turn_at, queued_at), id) '
        'WHERE ((status = ''QUEUED''::job_status) AND (next_attempt_at IS NULL))'
    ),
    (
        'jobs_retry_idx',
        'CREATE INDEX jobs_retry_idx ON public.jobs USING btree (next_attempt_at) WHERE ((status = '
        '''QUEUED''::job_status) AND (next_attempt_at IS NOT NULL))'
    ),
    (
        'jobs_lease_idx',
        'CREATE INDEX jobs_lease_idx ON public.jobs USING btree (lease_expires_at) WHERE (status = ANY '
        '(ARRAY[''TRANSCRIBING''::job_status, ''ANALYZING''::job_status, ''RENDERING''::job_status]))'
    ),
    (
        'jobs_prediction_is_unique',
        'CREATE UNIQUE INDEX jobs_prediction_is_unique ON public.jobs USING btree (replicate_prediction_id) WHERE '
        '(replicate_prediction_id IS NOT NULL)'
    ),
    (
        'jobs_user_newest_idx',
        'CREATE INDEX jobs_user_newest_idx ON public.jobs USING btree (user_id, created_at DESC, id DESC)'
    ),
    (
        'jobs_unpaid_idx',
        'CREATE INDEX jobs_unpaid_idx ON public.jobs USING btree (user_id) WHERE (status = ANY '
        '(ARRAY[''PENDING''::job_status, ''UPLOADING''::job_status]))'
    ),
    (
        'jobs_turn_idx',
        'CREATE INDEX jobs_turn_idx ON public.jobs USING btree (user_id, COALESCE(turn_at, queued_at)) WHERE (status '
        '= ''QUEUED''::job_status)'
    ),
    ('jobs_status_idx', 'CREATE INDEX jobs_status_idx ON public.jobs USING btree (status, queued_at DESC NULLS LAST)')
) as i (name, definition);

select finish();
rollback;
