-- requires: views/core/rules_in_force
CREATE OR REPLACE VIEW ledger.operation_sets AS
SELECT
    app,
    operation,
    shared,
    asset,
    default_amount,
    min_amount,
    max_amount,
    claim_limit,
    claim_period,
    claim_scope,
    claim_time_zone,
    expires_after,
    description,
    retired_at,
    unit_amount,
    unit_size,
    rounding,
    max_debt,
    credit_class,
    priority,
    usable_for,
    usable_in,
    transferable
FROM ledger_core.rules_in_force;

COMMENT ON VIEW ledger.operation_sets IS
'The operations of each app with the rules in force now: amounts in whole units of the asset, signed.';
