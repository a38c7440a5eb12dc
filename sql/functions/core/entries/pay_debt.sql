CREATE OR REPLACE FUNCTION ledger_core.pay_debt(owner_id text, asset text, amount bigint)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    UPDATE ledger.accounts
    SET debt = greatest(0, debt - pay_debt.amount)
    WHERE owner_id = pay_debt.owner_id AND asset = pay_debt.asset;
END
$$;

COMMENT ON FUNCTION ledger_core.pay_debt IS
'Lowers the debt of a locked account by credits that do not expire, which its balance has already.';
