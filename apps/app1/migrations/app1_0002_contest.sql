-- What winners of a contest get: credits for publishing, within a month.
-- depends: app1_0001_operations

SELECT ledger.define_operation(
    operation => 'CONTEST_PRIZE',
    description => 'Prize of a contest: for publishing content, within 30 days',
    default_amount => 25,
    min_amount => 1,
    max_amount => 1000,
    expires_after => '30 days',
    credit_class => 'free',
    usable_for => '{CONTENT_CREATION}'
);

SELECT ledger.allow_operation(app => 'app1', operation => 'CONTEST_PRIZE');
