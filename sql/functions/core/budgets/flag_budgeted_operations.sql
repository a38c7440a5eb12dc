CREATE OR REPLACE FUNCTION ledger_core.flag_budgeted_operations()
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE ledger.app_operations
    SET is_budgeted = NOT is_budgeted
    WHERE is_budgeted <> ledger_core.is_budgeted(app, operation);
END
$$;

COMMENT ON FUNCTION ledger_core.flag_budgeted_operations IS
'Brings app_operations.is_budgeted up to date after a change of operations or of budgets of everybody.';
