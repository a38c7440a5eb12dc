-- What members give to each other.
-- depends: app1_0002_contest

SELECT ledger.define_operation(
    operation => 'CREDIT_GIFT',
    description => 'Gift of one member to another',
    min_amount => -1000,
    max_amount => -1,
    transferable => TRUE
);

SELECT ledger.allow_operation(app => 'app1', operation => 'CREDIT_GIFT');
