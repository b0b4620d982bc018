-- jobs: videos to cut.

begin;
select plan(59);

select columns_are(
    'public', 'jobs',
    array[
        'id', 'user_id', 'job_name', 'priority', 'status', 'progress_percentage', 'current_step', 'input_video_path',
        'path_changes', 'output_video_path', 'thumbnail_path', 'input_duration_seconds', 'output_duration_seconds',
        'input_file_size_mb', 'output_file_size_mb', 'video_resolution', 'transcription_json', 'analysis_json',
        'replicate_prediction_id', 'error_message', 'retry_count', 'max_retries', 'credits_cost', 'client_request_id',
        'worker_id', 'attempt_token', 'lease_expires_at', 'next_attempt_at', 'turn_at', 'queued_at', 'started_at',
        'completed_at', 'created_at', 'updated_at'
    ],
    'jobs: columns'
);

select col_type_is('public', 'jobs', c.name, c.type, format('jobs.%s is %s', c.name, c.type))
from (
    values
    ('id', 'uuid'),
    ('user_id', 'uuid'),
    ('job_name', 'text'),
    ('priority', 'smallint'),
    ('status', 'job_status'),
    ('progress_percentage', 'smallint'),
    ('current_step', 'text'),
    ('input_video_path', 'text'),
    ('path_changes', 'smallint'),
    ('output_video_path', 'text'),
    ('thumbnail_path', 'text'),
    ('input_duration_seconds', 'numeric(10,3)'),
    ('output_duration_seconds', 'numeric(10,3)'),
    ('input_file_size_mb', 'numeric(10,2)'),
    ('output_file_size_mb', 'numeric(10,2)'),
    ('video_resolution', 'text'),
    ('transcription_json', 'jsonb'),
    ('analysis_json', 'jsonb'),
    ('replicate_prediction_id', 'text'),
    ('error_message', 'text'),
    ('retry_count', 'smallint'),
    ('max_retries', 'smallint'),
    ('credits_cost', 'integer'),
    ('client_request_id', 'text'),
    ('worker_id', 'text'),
    ('attempt_token', 'uuid'),
    ('lease_expires_at', 'timestamp with time zone'),
    ('next_attempt_at', 'timestamp with time zone'),
    ('turn_at', 'timestamp with time zone'),
    ('queued_at', 'timestamp with time zone'),
    ('started_at', 'timestamp with time zone'),
    ('completed_at', 'timestamp with time zone'),
    ('created_at', 'timestamp with time zone'),
    ('updated_at', 'timestamp with time zone')
) as c (name, type);

select set_eq(
    $$
        select a.attname::text
        from pg_attribute as a
        where a.attrelid = 'public.jobs'::regclass
            and a.attnum > 0 and not a.attisdropped and not a.attnotnull
    $$,
    array[
        'current_step', 'input_video_path', 'output_video_path', 'thumbnail_path', 'input_duration_seconds',
        'output_duration_seconds', 'input_file_size_mb', 'output_file_size_mb', 'video_resolution',
        'transcription_json', 'analysis_json', 'replicate_prediction_id', 'error_message', 'client_request_id',
        'worker_id', 'attempt_token', 'lease_expires_at', 'next_attempt_at', 'turn_at', 'queued_at', 'started_at',
        'completed_at'
    ],
    'jobs: these columns may be null, and no others'
);

select set_eq(
    $$
        select format('%s %s', a.attname, pg_get_expr(d.adbin, d.adrelid))
        from pg_attrdef as d
        inner join pg_attribute as a on a.attrelid = d.adrelid and a.attnum = d.adnum
        where d.adrelid = 'public.jobs'::regclass
    $$,
    array[
        'id gen_random_uuid()',
        $$job_name 'Untitled video'::text$$,
        'priority 0',
        $$status 'PENDING'::job_status$$,
        'progress_percentage 0',
        'path_changes 0',
        'retry_count 0',
        'max_retries 3',
        'credits_cost 1',
        'created_at now()',
        'updated_at now()'
    ],
    'jobs: these columns have these defaults, and no others have one'
);

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
        select k.conname::text
        from pg_constraint as k
        where k.conrelid = 'public.jobs'::regclass and k.contype = 'c'
    $$,
    array[
        'jobs_progress_in_range',
        'jobs_current_step_is_short',
        'jobs_at_work_has_lease',
        'jobs_terminal_has_completion',
        'jobs_completed_is_whole',
        'jobs_times_in_order'
    ],
    'jobs: these checks, and no others'
);

select is(regexp_replace(pg_get_constraintdef(k.oid, true), '\s+', ' ', 'g'), c.definition, c.name)
from (
    values
    ('jobs_progress_in_range', 'CHECK (progress_percentage >= 0 AND progress_percentage <= 100)'),
    ('jobs_current_step_is_short', 'CHECK (length(current_step) <= 200)'),
    (
        'jobs_at_work_has_lease',
        'CHECK (status < ''TRANSCRIBING''::job_status OR status > ''RENDERING''::job_status OR '
        'COALESCE(isfinite(lease_expires_at), false))'
    ),
    ('jobs_terminal_has_completion', 'CHECK ((status >= ''COMPLETED''::job_status) = (completed_at IS NOT NULL))'),
    ('jobs_completed_is_whole', 'CHECK (status <> ''COMPLETED''::job_status OR progress_percentage = 100)'),
    (
        'jobs_times_in_order',
        'CHECK (queued_at >= created_at AND started_at >= COALESCE(queued_at, created_at) AND completed_at >= '
        'COALESCE(started_at, queued_at, created_at))'
    )
) as c (name, definition)
left join pg_constraint as k on c.name = k.conname and k.conrelid = 'public.jobs'::regclass;

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
