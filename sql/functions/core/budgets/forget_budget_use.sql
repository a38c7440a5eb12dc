CREATE OR REPLACE FUNCTION ledger_core.forget_budget_use(owner_id text, asset text)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    DELETE FROM ledger.budget_use
    WHERE owner_id = forget_budget_use.owner_id AND asset = forget_budget_use.asset;
END
$$;

COMMENT ON FUNCTION ledger_core.forget_budget_use IS
'Forgets what the budgets of a locked account have counted. Whoever needs it next makes it anew from the entries and holds.';
