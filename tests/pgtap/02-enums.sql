-- Enums: their labels in order. Applications and policies name them.

begin;
select plan(8);

select enums_are(
    'public', array['job_status', 'transaction_type', 'payment_status', 'payment_provider'], 'public: four enums'
);
select enums_are('private', array[]::name[], 'private: no enum');

select enum_has_labels(
    'public', 'job_status',
    array[
        'PENDING', 'UPLOADING', 'QUEUED', 'TRANSCRIBING', 'ANALYZING', 'RENDERING', 'COMPLETED', 'FAILED', 'CANCELLED'
    ],
    'job_status: labels in order'
);
select enum_has_labels(
    'public', 'transaction_type',
    array['PURCHASE', 'USAGE', 'REFUND', 'BONUS', 'ADJUSTMENT'],
    'transaction_type: labels in order'
);
select enum_has_labels(
    'public', 'payment_status',
    array['PENDING', 'COMPLETED', 'FAILED', 'REFUNDED', 'CANCELLED'],
    'payment_status: labels in order'
);
select enum_has_labels(
    'public', 'payment_provider',
    array['STRIPE', 'PROMPTPAY', 'TRUEMONEY', 'MANUAL'],
    'payment_provider: labels in order'
);

select domains_are('public', array[]::name[], 'public: no domain');
select domains_are('private', array[]::name[], 'private: no domain');

select finish();
rollback;
