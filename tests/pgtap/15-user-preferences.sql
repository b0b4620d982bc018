-- user_preferences: settings, one row for each user.

begin;
select plan(26);

select columns_are(
    'public', 'user_preferences',
    array[
        'user_id', 'default_aspect_ratio', 'default_subtitle_style', 'enable_sound_fx', 'enable_jump_cuts',
        'email_on_job_complete', 'email_on_job_failed', 'email_marketing', 'theme', 'language', 'preferences_json',
        'created_at', 'updated_at'
    ],
    'user_preferences: columns'
);

select col_type_is('public', 'user_preferences', c.name, c.type, format('user_preferences.%s is %s', c.name, c.type))
from (
    values
    ('user_id', 'uuid'),
    ('default_aspect_ratio', 'text'),
    ('default_subtitle_style', 'text'),
    ('enable_sound_fx', 'boolean'),
    ('enable_jump_cuts', 'boolean'),
    ('email_on_job_complete', 'boolean'),
    ('email_on_job_failed', 'boolean'),
    ('email_marketing', 'boolean'),
    ('theme', 'text'),
    ('language', 'text'),
    ('preferences_json', 'jsonb'),
    ('created_at', 'timestamp with time zone'),
    ('updated_at', 'timestamp with time zone')
) as c (name, type);

select is_empty(
    $$
        select a.attname
        from pg_attribute as a
        where a.attrelid = 'public.user_preferences'::regclass
            and a.attnum > 0 and not a.attisdropped and not a.attnotnull
    $$,
    'user_preferences: no column may be null'
);

select set_eq(
    $$
        select format('%s %s', a.attname, pg_get_expr(d.adbin, d.adrelid))
        from pg_attrdef as d
        inner join pg_attribute as a on a.attrelid = d.adrelid and a.attnum = d.adnum
        where d.adrelid = 'public.user_preferences'::regclass
    $$,
    array[
        $$default_aspect_ratio '9:16'::text$$,
        $$default_subtitle_style 'standard'::text$$,
        'enable_sound_fx true',
        'enable_jump_cuts true',
        'email_on_job_complete true',
        'email_on_job_failed true',
        'email_marketing false',
        $$theme 'auto'::text$$,
        $$language 'th'::text$$,
        $$preferences_json '{}'::jsonb$$,
        'created_at now()',
        'updated_at now()'
    ],
    'user_preferences: these columns have these defaults, and no others have one'
);

select col_is_pk('public', 'user_preferences', 'user_id', 'user_preferences: primary key');
select fk_ok('public', 'user_preferences', 'user_id', 'public', 'users', 'id', 'user_preferences_user_id_fkey');

select set_eq(
    $$
        select format('%s %s', k.conname, pg_get_constraintdef(k.oid, true))
        from pg_constraint as k
        where k.conrelid = 'public.user_preferences'::regclass and k.contype in ('p', 'u', 'f', 'x')
    $$,
    array[
        'user_preferences_pkey PRIMARY KEY (user_id)',
        'user_preferences_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE'
    ],
    'user_preferences: these keys, and what deleting a referenced row does'
);

select set_eq(
    $$
        select k.conname::text
        from pg_constraint as k
        where k.conrelid = 'public.user_preferences'::regclass and k.contype = 'c'
    $$,
    array[
        'user_preferences_aspect_ratio_is_known',
        'user_preferences_subtitle_style_is_known',
        'user_preferences_theme_is_known',
        'user_preferences_language_is_known',
        'user_preferences_json_is_small_object'
    ],
    'user_preferences: these checks, and no others'
);

select is(regexp_replace(pg_get_constraintdef(k.oid, true), '\s+', ' ', 'g'), c.definition, c.name)
from (
    values
    (
        'user_preferences_aspect_ratio_is_known',
        $$CHECK (default_aspect_ratio = ANY (ARRAY['9:16'::text, '16:9'::text, '1:1'::text, '4:5'::text]))$$
    ),
    (
        'user_preferences_subtitle_style_is_known',
        $$CHECK (default_subtitle_style = ANY (ARRAY['standard'::text, 'highlight'::text, 'animated'::text]))$$
    ),
    ('user_preferences_theme_is_known', $$CHECK (theme = ANY (ARRAY['light'::text, 'dark'::text, 'auto'::text]))$$),
    ('user_preferences_language_is_known', $$CHECK (language = ANY (ARRAY['th'::text, 'en'::text]))$$),
    (
        'user_preferences_json_is_small_object',
        'CHECK (jsonb_typeof(preferences_json) = ''object''::text AND octet_length(preferences_json::text) <= '
        '16384)'
    )
) as c (name, definition)
left join pg_constraint as k on c.name = k.conname and k.conrelid = 'public.user_preferences'::regclass;

select indexes_are(
    'public', 'user_preferences',
    array['user_preferences_pkey'],
    'user_preferences: indexes'
);

select finish();
rollback;
