-- The tables that only functions reach: their keys, and checks of several columns.

begin;
select plan(7);

create temporary view keys as
select
    k.conrelid::regclass::text as relation,
    format('%s %s', k.conname, pg_get_constraintdef(k.oid, true)) as line
from pg_constraint as k
where k.connamespace = 'private'::regnamespace and k.contype in ('p', 'u', 'f', 'x');

select set_eq(
    $$select k.line from keys as k where k.relation = 'private.column_privacy'$$,
    array['column_privacy_pkey PRIMARY KEY (table_name, column_name)'],
    'private.column_privacy: keys'
);
select set_eq(
    $$select k.line from keys as k where k.relation = 'private.secrets'$$,
    array['secrets_pkey PRIMARY KEY (name)'],
    'private.secrets: keys'
);
select set_eq(
    $$select k.line from keys as k where k.relation = 'private.trial_takers'$$,
    array['trial_takers_pkey PRIMARY KEY (person)'],
    'private.trial_takers: keys'
);
select set_eq(
    $$select k.line from keys as k where k.relation = 'private.debts'$$,
    array[
        'debts_pkey PRIMARY KEY (id)',
        'debts_key_once UNIQUE (idempotency_key)',
        'debts_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id)',
        'debts_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES payments(id)',
        'debts_shortfall_id_fkey FOREIGN KEY (shortfall_id) REFERENCES private.debts(id)'
    ],
    'private.debts: keys'
);
select set_eq(
    $$select k.line from keys as k where k.relation = 'private.partial_refunds'$$,
    array[
        'partial_refunds_pkey PRIMARY KEY (id)',
        'partial_refunds_key_once UNIQUE (idempotency_key)',
        'partial_refunds_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES payments(id)'
    ],
    'private.partial_refunds: keys'
);
select is_empty(
    $$
        select distinct k.relation from keys as k
        where k.relation <> all(array[
            'private.column_privacy', 'private.secrets', 'private.trial_takers', 'private.debts', 'private.partial_refunds'
        ])
    $$,
    'no other table of private has keys that stand nowhere here'
);

select set_eq(
    $$
        select format('%s %s', k.conname, pg_get_constraintdef(k.oid, true))
        from pg_constraint as k
        where
            k.connamespace = 'private'::regnamespace and k.contype = 'c'
            and coalesce(cardinality(k.conkey), 0) <> 1
    $$,
    array[
        'debts_shortfall_has_place CHECK ((kind = ''shortfall''::text) = (after_entry IS NOT NULL))',
        'debts_reduction_has_shortfall CHECK ((kind = ''shortfall''::text) = (shortfall_id IS NULL))'
    ],
    'private: checks of several columns'
);

select finish();
rollback;
