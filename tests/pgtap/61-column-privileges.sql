-- Privileges on columns: what a client may write of its own rows, and the backend of an account. Money is not among it.

begin;
select plan(73);

select column_privs_are('public', 'users', c.name, 'authenticated', c.privileges, 'authenticated on users.' || c.name)
from (
    values
    ('id', array['SELECT']),
    ('email', array['SELECT']),
    ('full_name', array['SELECT', 'UPDATE']),
    ('avatar_url', array['SELECT', 'UPDATE']),
    ('credits', array['SELECT']),
    ('total_credits_purchased', array['SELECT']),
    ('total_credits_used', array['SELECT']),
    ('subscription_tier', array['SELECT']),
    ('subscription_expires_at', array['SELECT']),
    ('is_active', array['SELECT']),
    ('last_login_at', array['SELECT']),
    ('created_at', array['SELECT']),
    ('updated_at', array['SELECT']),
    ('deleted_at', array['SELECT'])
) as c (name, privileges);

select column_privs_are('public', 'users', c.name, 'service_role', c.privileges, 'service_role on users.' || c.name)
from (
    values
    ('id', array['SELECT']),
    ('email', array['SELECT', 'UPDATE']),
    ('full_name', array['SELECT', 'UPDATE']),
    ('avatar_url', array['SELECT', 'UPDATE']),
    ('credits', array['SELECT']),
    ('total_credits_purchased', array['SELECT']),
    ('total_credits_used', array['SELECT']),
    ('subscription_tier', array['SELECT', 'UPDATE']),
    ('subscription_expires_at', array['SELECT', 'UPDATE']),
    ('is_active', array['SELECT', 'UPDATE']),
    ('last_login_at', array['SELECT', 'UPDATE']),
    ('created_at', array['SELECT']),
    ('updated_at', array['SELECT']),
    ('deleted_at', array['SELECT', 'UPDATE'])
) as c (name, privileges);

select column_privs_are('public', 'jobs', c.name, 'authenticated', c.privileges, 'authenticated on jobs.' || c.name)
from (
    values
    ('id', array['SELECT']),
    ('user_id', array['SELECT', 'INSERT']),
    ('job_name', array['SELECT', 'INSERT', 'UPDATE']),
    ('priority', array['SELECT']),
    ('status', array['SELECT', 'INSERT', 'UPDATE']),
    ('progress_percentage', array['SELECT']),
    ('current_step', array['SELECT']),
    ('input_video_path', array['SELECT', 'INSERT', 'UPDATE']),
    ('output_video_path', array['SELECT']),
    ('thumbnail_path', array['SELECT']),
    ('input_duration_seconds', array['SELECT']),
    ('output_duration_seconds', array['SELECT']),
    ('input_file_size_mb', array['SELECT']),
    ('output_file_size_mb', array['SELECT']),
    ('video_resolution', array['SELECT']),
    ('transcription_json', array['SELECT']),
    ('analysis_json', array['SELECT']),
    ('replicate_prediction_id', array['SELECT']),
    ('error_message', array['SELECT']),
    ('retry_count', array['SELECT']),
    ('max_retries', array['SELECT']),
    ('credits_cost', array['SELECT']),
    ('client_request_id', array['SELECT', 'INSERT']),
    ('worker_id', array['SELECT']),
    ('lease_expires_at', array['SELECT']),
    ('next_attempt_at', array['SELECT']),
    ('queued_at', array['SELECT']),
    ('started_at', array['SELECT']),
    ('completed_at', array['SELECT']),
    ('created_at', array['SELECT']),
    ('updated_at', array['SELECT'])
) as c (name, privileges);

select
    column_privs_are(
        'public',
        'user_preferences',
        c.name,
        'authenticated',
        c.privileges,
        'authenticated on user_preferences.' || c.name
    )
from (
    values
    ('user_id', array['SELECT', 'INSERT', 'UPDATE']),
    ('default_aspect_ratio', array['SELECT', 'INSERT', 'UPDATE']),
    ('default_subtitle_style', array['SELECT', 'INSERT', 'UPDATE']),
    ('enable_sound_fx', array['SELECT', 'INSERT', 'UPDATE']),
    ('enable_jump_cuts', array['SELECT', 'INSERT', 'UPDATE']),
    ('email_on_job_complete', array['SELECT', 'INSERT', 'UPDATE']),
    ('email_on_job_failed', array['SELECT', 'INSERT', 'UPDATE']),
    ('email_marketing', array['SELECT', 'INSERT', 'UPDATE']),
    ('theme', array['SELECT', 'INSERT', 'UPDATE']),
    ('language', array['SELECT', 'INSERT', 'UPDATE']),
    ('preferences_json', array['SELECT', 'INSERT', 'UPDATE']),
    ('created_at', array['SELECT']),
    ('updated_at', array['SELECT'])
) as c (name, privileges);

-- No other table or role has a grant on columns.
select set_eq(
    $$
        select c.relname::text, g.grantee::regrole::text
        from pg_attribute as a
        inner join pg_class as c on c.oid = a.attrelid
        cross join aclexplode(a.attacl) as g
        where c.relnamespace in ('public'::regnamespace, 'private'::regnamespace)
    $$,
    $$
        values
        ('users', 'authenticated'),
        ('users', 'service_role'),
        ('jobs', 'authenticated'),
        ('user_preferences', 'authenticated')
    $$,
    'columns are granted on these tables to these roles, and nowhere else'
);

select finish();
rollback;
