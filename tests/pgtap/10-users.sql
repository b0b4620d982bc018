-- users: one row for each account. No foreign key to auth.users, email not unique.

begin;
select plan(6);

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

select is_empty(
    $$
        select regexp_replace(format('%s %s', k.conname, pg_get_constraintdef(k.oid, true)), '\s+', ' ', 'g')
        from pg_constraint as k
        where k.conrelid = 'public.users'::regclass and k.contype = 'c' and coalesce(cardinality(k.conkey), 0) <> 1
    $$,
    'users: no check of several columns'
);

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
