-- Storage: the buckets and who may read and upload what.

begin;
select plan(8);

select set_eq(
    'select b.id, b.name, b.public, b.file_size_limit, b.allowed_mime_types from storage.buckets as b',
    $$
        values
        ('raw-videos', 'raw-videos', false, 2147483648, array['video/mp4', 'video/quicktime', 'video/webm']),
        ('final-videos', 'final-videos', false, 2147483648, array['video/mp4']),
        ('thumbnails', 'thumbnails', false, 5242880, array['image/jpeg', 'image/png', 'image/webp'])
    $$,
    'three private buckets, with their limits'
);

select policies_are(
    'storage', 'objects',
    array[
        'Users read their own videos and thumbnails',
        'Users upload raw videos to their own folder'
    ],
    'objects: policies'
);

select
    policy_cmd_is(
        'storage', p.relation, p.name, p.command, format('%s: "%s" is for %s', p.relation, p.name, p.command)
    )
from (
    values
    ('objects', 'Users read their own videos and thumbnails', 'select'),
    ('objects', 'Users upload raw videos to their own folder', 'insert')
) as p (relation, name, command);

select
    policy_roles_are(
        'storage', p.relation, p.name, p.roles, format('%s: "%s" is to %s', p.relation, p.name, p.roles)
    )
from (
    values
    ('objects', 'Users read their own videos and thumbnails', array['authenticated']),
    ('objects', 'Users upload raw videos to their own folder', array['authenticated'])
) as p (relation, name, roles);

select is(p.definition, d.definition, format('%s: "%s" admits what it should', d.relation, d.name))
from (
    values
    (
        'objects',
        'Users read their own videos and thumbnails',
        'permissive using ((bucket_id = ANY (ARRAY[''raw-videos''::text, ''final-videos''::text, '
        '''thumbnails''::text])) AND (storage.foldername(name))[1] = ((( SELECT auth.uid() AS uid))::text) AND '
        '(EXISTS ( SELECT FROM users u WHERE u.id = (( SELECT auth.uid() AS uid)) AND u.deleted_at IS NULL)))'
    ),
    (
        'objects',
        'Users upload raw videos to their own folder',
        'permissive with check (bucket_id = ''raw-videos''::text AND (storage.foldername(name))[1] = ((( SELECT '
        'auth.uid() AS uid))::text) AND name ~ ''^[-A-Za-z0-9_!.*''''() &$@=;:+,/]+$''::text AND name !~ '
        '''(^|/)(\.{0,2}([/;]|$)| )| (/|$)''::text AND (EXISTS ( SELECT FROM users u WHERE u.id = (( SELECT '
        'auth.uid() AS uid)) AND u.deleted_at IS NULL AND u.is_active)) AND (EXISTS ( SELECT FROM jobs j WHERE '
        'j.user_id = (( SELECT auth.uid() AS uid)) AND (j.status = ANY (ARRAY[''PENDING''::job_status, '
        '''UPLOADING''::job_status])) AND j.input_video_path = objects.name)))'
    )
) as d (relation, name, definition)
left join (
    select
        pol.polrelid,
        pol.polname,
        case when pol.polpermissive then 'permissive' else 'restrictive' end
        || coalesce(
            ' using (' || regexp_replace(pg_get_expr(pol.polqual, pol.polrelid, true), '\s+', ' ', 'g') || ')', ''
        )
        || coalesce(
            ' with check ('
            || regexp_replace(pg_get_expr(pol.polwithcheck, pol.polrelid, true), '\s+', ' ', 'g')
            || ')',
            ''
        ) as definition
    from pg_policy as pol
) as p on to_regclass('storage.' || d.relation) = p.polrelid and d.name = p.polname;

select finish();
rollback;
