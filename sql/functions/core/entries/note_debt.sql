-- Credits that will expire do not count, so that their expiry cannot bring the account below what its debt admits.
CREATE OR REPLACE FUNCTION ledger_core.note_debt(owner_id text, asset text)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    UPDATE ledger.accounts
    SET debt = least(debt, greatest(0, min_balance - balance + held + (
        SELECT coalesce(sum(lots.remaining - lots.held), 0)::bigint FROM ledger.lots
        WHERE lots.owner_id = note_debt.owner_id AND lots.asset = note_debt.asset AND lots.remaining > 0
    )))
    WHERE owner_id = note_debt.owner_id AND asset = note_debt.asset AND debt > 0;
END
$$;

COMMENT ON FUNCTION ledger_core.note_debt IS
'Lowers the debt of a locked account to what it is without the free credits of its lots, after a credit, or after a hold has
freed what it reserved. Only ledger_core.spend_hold makes a debt larger.';
