CREATE OR REPLACE FUNCTION ledger_core.is_budgeted(app text, operation text)
RETURNS boolean
LANGUAGE sql
STABLE
AS $$
SELECT EXISTS (
    SELECT 1
    FROM ledger.budget_definitions AS defined
    INNER JOIN ledger.operations ON defined.asset = operations.asset
    WHERE operations.operation = is_budgeted.operation AND operations.min_amount < 0
        AND (defined.app IS NULL OR defined.app = is_budgeted.app)
        AND (defined.operation IS NULL OR defined.operation = is_budgeted.operation)
)
$$;

COMMENT ON FUNCTION ledger_core.is_budgeted IS
'Whether a budget of everybody counts what an app records by an operation.';
