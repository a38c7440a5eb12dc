-- requires: functions/core/budgets/budgets_that_apply
CREATE OR REPLACE FUNCTION ledger_core.is_only_budget(owner_id text, asset text, use_spender text)
RETURNS boolean
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    IF is_only_budget.use_spender <> '' THEN
        RETURN (
            SELECT count(*) = 1
            FROM ledger_core.budgets_that_apply(
                is_only_budget.owner_id, is_only_budget.asset, is_only_budget.use_spender
            )
        );
    END IF;
    RETURN (
        SELECT count(*) FROM ledger.budgets
        WHERE owner_id = is_only_budget.owner_id AND asset = is_only_budget.asset
    ) + (
        SELECT count(*) FROM ledger.budget_definitions WHERE asset = is_only_budget.asset
    ) = 1;
END
$$;

COMMENT ON FUNCTION ledger_core.is_only_budget IS
'Whether no request that is counted in the use of that spender (empty: of all together) is under another budget as well.';
