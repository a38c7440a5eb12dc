CREATE OR REPLACE FUNCTION ledger_core.fills_debts(allowance ledger.allowances)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
AS $$ SELECT num_nonnulls(allowance.usable_for, allowance.usable_in) = 0 $$;

COMMENT ON FUNCTION ledger_core.fills_debts IS
'True if credits of the allowance fill an overdraft or a debt first: those of limited use pay for nothing else.';
