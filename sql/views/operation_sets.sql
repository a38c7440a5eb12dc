CREATE OR REPLACE VIEW ledger.operation_sets AS
SELECT
    app_operations.app,
    app_operations.operation,
    operations.shared,
    operations.asset,
    coalesce(app_operations.default_amount, operations.default_amount) AS default_amount,
    coalesce(app_operations.min_amount, operations.min_amount) AS min_amount,
    coalesce(app_operations.max_amount, operations.max_amount) AS max_amount,
    operations.claim_limit,
    operations.claim_period,
    operations.claim_scope,
    operations.claim_time_zone,
    operations.expires_after,
    operations.description,
    operations.retired_at
FROM ledger.app_operations
INNER JOIN ledger.operations ON app_operations.operation = operations.operation;

COMMENT ON VIEW ledger.operation_sets IS
'The operations of each app with the rules in force now: amounts in whole units of the asset, signed.';
