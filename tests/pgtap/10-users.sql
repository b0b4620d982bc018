-- users: one row for each account. No foreign key to auth.users, email not unique.

begin;
select plan(32);

select columns_are(
    'public', 'users',
    array[
        'id', 'email', 'full_name', 'avatar_url', 'credits', 'total_credits_purchased', 'total_credits_used',
        'subscription_tier', 'subscription_expires_at', 'is_active', 'last_login_at', 'created_at', 'updated_at',
        'deleted_at'
    ],
    'users: columns'
);

select col_type_is('public', 'users', c.name, c.type, format('users.%s is %s', c.name, c.type))
from (
    values
    ('id', 'uuid'),
    ('email', 'text'),
    ('full_name', 'text'),
    ('avatar_url', 'text'),
    ('credits', 'integer'),
    ('total_credits_purchased', 'integer'),
    ('total_credits_used', 'integer'),
    ('subscription_tier', 'text'),
    ('subscription_expires_at', 'timestamp with time zone'),
    ('is_active', 'boolean'),
    ('last_login_at', 'timestamp with time zone'),
    ('created_at', 'timestamp with time zone'),
    ('updated_at', 'timestamp with time zone'),
    ('deleted_at', 'timestamp with time zone')
) as c (name, type);

select set_eq(
    $$
        select a.attname::text
        from pg_attribute as a
        where a.attrelid = 'public.users'::regclass
            and a.attnum > 0 and not a.attisdropped and not a.attnotnull
    $$,
    array['email', 'full_name', 'avatar_url', 'subscription_expires_at', 'last_login_at', 'deleted_at'],
    'users: these columns may be null, and no others'
);

select set_eq(
    $$
        select format('%s %s', a.attname, pg_get_expr(d.adbin, d.adrelid))
        from pg_attrdef as d
        inner join pg_attribute as a on a.attrelid = d.adrelid and a.attnum = d.adnum
        where d.adrelid = 'public.users'::regclass
    $$,
    array[
        'credits 0',
        'total_credits_purchased 0',
        'total_credits_used 0',
        $$subscription_tier 'free'::text$$,
        'is_active true',
        'created_at now()',
        'updated_at now()'
    ],
    'users: these columns have these defaults, and no others have one'
);

select col_is_pk('public', 'users', 'id', 'users: primary key');

select set_eq(
    $$
        select format('%s %s', k.conname, pg_get_constraintdef(k.oid, true))
        from pg_constraint as k
        where k.conrelid = 'public.users'::regclass and k.contype in ('p', 'u', 'f', 'x')
    $$,
    array[
        'users_pkey PRIMARY KEY (id)'
    ],
    'users: these keys, and what deleting a referenced row does'
);

select set_eq(
    $$
        select k.conname::text
        from pg_constraint as k
        where k.conrelid = 'public.users'::regclass and k.contype = 'c'
    $$,
    array[
        'users_email_is_short',
        'users_full_name_is_short',
        'users_full_name_is_plain',
        'users_avatar_url_is_short',
        'users_avatar_url_is_web',
        'users_credits_not_negative',
        'users_total_purchased_not_negative',
        'users_total_used_not_negative',
        'users_tier_is_known'
    ],
    'users: these checks, and no others'
);

select is(regexp_replace(pg_get_constraintdef(k.oid, true), '\s+', ' ', 'g'), c.definition, c.name)
from (
    values
    ('users_email_is_short', 'CHECK (length(email) <= 320)'),
    ('users_full_name_is_short', 'CHECK (length(full_name) <= 200)'),
    (
        'users_full_name_is_plain',
        'CHECK (full_name !~ ''[\u0001-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]''::text)'
    ),
    ('users_avatar_url_is_short', 'CHECK (length(avatar_url) <= 2048)'),
    ('users_avatar_url_is_web', 'CHECK (avatar_url ~* ''^https?://[^[:space:][:cntrl:]<>"''''`\\]+$''::text)'),
    ('users_credits_not_negative', 'CHECK (credits >= 0)'),
    ('users_total_purchased_not_negative', 'CHECK (total_credits_purchased >= 0)'),
    ('users_total_used_not_negative', 'CHECK (total_credits_used >= 0)'),
    (
        'users_tier_is_known',
        'CHECK (subscription_tier = ANY (ARRAY[''free''::text, ''basic''::text, ''pro''::text, '
        '''enterprise''::text]))'
    )
) as c (name, definition)
left join pg_constraint as k on c.name = k.conname and k.conrelid = 'public.users'::regclass;

select indexes_are(
    'public', 'users',
    array[
        'users_pkey', 'users_email_idx', 'users_subscription_idx'
    ],
    'users: indexes'
);

select is(pg_get_indexdef(to_regclass('public.' || i.name)), i.definition, i.name)
from (
    values
    (
        'users_email_idx',
        'CREATE INDEX users_email_idx ON public.users USING btree (lower(email)) WHERE (email IS NOT NULL)'
    ),
    (
        'users_subscription_idx',
        'CREATE INDEX users_subscription_idx ON public.users USING btree (subscription_expires_at) WHERE '
        '((subscription_expires_at IS NOT NULL) AND (subscription_tier <> ''free''::text) AND (deleted_at IS NULL))'
    )
) as i (name, definition);

select finish();
rollback;
