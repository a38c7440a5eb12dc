-- requires: dropped/0.1_signatures, functions/balance
CREATE OR REPLACE VIEW ledger.account_balances AS
SELECT
    accounts.owner_id,
    accounts.asset,
    coalesce(due.balance, accounts.balance) AS balance,
    coalesce(due.held, accounts.held) AS held,
    coalesce(due.available, accounts.balance - accounts.held) AS available,
    accounts.min_balance,
    accounts.last_seq AS entry_count,
    nullif(accounts.last_entry_at, '-infinity') AS last_entry_at,
    due.next_expiry_at,
    due.next_expiry_amount,
    accounts.frozen_at,
    due.next_allowance_at,
    due.next_allowance_amount
FROM ledger.accounts
LEFT JOIN LATERAL (
    SELECT * FROM ledger.balance(owner_id => accounts.owner_id, asset => accounts.asset)
    WHERE accounts.next_due_at < 'infinity' OR accounts.last_entry_at > ledger_core.clock()
) AS due ON TRUE;

COMMENT ON VIEW ledger.account_balances IS
'Every account as of this moment, in whole units of the asset.
Expiries, ends of holds and allowances count although they may not be posted yet.';
