-- requires: functions/core/lots/is_classed
-- Never change this view once it is released: every call that records reads it, and replacing a view locks it against
-- everybody. A release that needs other columns adds a view under another name, and drops this one once no running version
-- reads it.
CREATE OR REPLACE VIEW ledger_core.rules_in_force AS
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
    operations.retired_at,
    app_operations.is_budgeted,
    -- A price is whole: an app has all three columns of it, or none.
    coalesce(app_operations.unit_amount, operations.unit_amount) AS unit_amount,
    coalesce(app_operations.unit_size, operations.unit_size) AS unit_size,
    coalesce(app_operations.rounding, operations.rounding) AS rounding,
    coalesce(operations.max_debt, 0) AS max_debt,
    operations.credit_class,
    operations.priority,
    operations.usable_for,
    operations.usable_in,
    ledger_core.is_classed(
        operations.credit_class, operations.priority, operations.usable_for, operations.usable_in
    ) AS is_classed,
    coalesce(operations.transferable, FALSE) AS transferable,
    operations.retired_at IS NULL AND operations.transferable IS NOT TRUE AS may_record
FROM ledger.app_operations
INNER JOIN ledger.operations ON app_operations.operation = operations.operation;

COMMENT ON VIEW ledger_core.rules_in_force IS
'The rules in force per app and operation, for the functions; ledger.operation_sets is the same for readers. may_record: it is not
retired, and records one owner''s entry: transfers have a function of their own.';
