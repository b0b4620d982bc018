-- user_preferences: settings, one row for each user.

begin;
select plan(5);

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

select is_empty(
    $$
        select regexp_replace(format('%s %s', k.conname, pg_get_constraintdef(k.oid, true)), '\s+', ' ', 'g')
        from pg_constraint as k
        where k.conrelid = 'public.user_preferences'::regclass and k.contype = 'c' and coalesce(cardinality(k.conkey), 0) <> 1
    $$,
    'user_preferences: no check of several columns'
);

select indexes_are(
    'public', 'user_preferences',
    array['user_preferences_pkey'],
    'user_preferences: indexes'
);

select finish();
rollback;
