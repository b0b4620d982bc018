-- What there is: schemas, tables, views, sequences. Anything more is a surprise that somebody has to look at.

begin;
select plan(11);

select has_schema('private', 'what the API does not expose has a schema of its own');

select tables_are(
    'public',
    array[
        'users', 'credit_packages', 'jobs', 'payments', 'credit_transactions', 'user_preferences', 'webhook_logs',
        'api_usage_logs'
    ],
    'public: eight tables'
);
select views_are('public', array['user_stats', 'job_queue_status'], 'public: two views');
select materialized_views_are('public', array[]::name[], 'public: no materialized view, which could not have policies');
select foreign_tables_are('public', array[]::name[], 'public: no foreign table, which could not have policies');
select sequences_are(
    'public',
    array['credit_transactions_id_seq', 'webhook_logs_id_seq', 'api_usage_logs_id_seq'],
    'public: three sequences, of the identity columns'
);

select tables_are(
    'private',
    array['column_privacy', 'secrets', 'trial_takers', 'debts', 'partial_refunds'],
    'private: five tables'
);
select views_are('private', array[]::name[], 'private: no view');
select materialized_views_are('private', array[]::name[], 'private: no materialized view');
select foreign_tables_are('private', array[]::name[], 'private: no foreign table');
select sequences_are(
    'private', array['debts_id_seq', 'partial_refunds_id_seq'], 'private: two sequences, of the identity columns'
);

select finish();
rollback;
