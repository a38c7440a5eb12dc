-- requires: functions/core/lots/is_classed
-- A plain SELECT, so that the planner inlines it into the query for the rule.
CREATE OR REPLACE FUNCTION ledger_core.account_to_hold(
    owner_id text, asset text, app text, nonce text, at timestamptz
)
RETURNS TABLE (version xid, has_budgets boolean, lot_seq bigint, free_of_lot bigint)
LANGUAGE sql
STABLE
AS $$
SELECT accounts.xmin, accounts.has_budgets, first_lot.seq, first_lot.free
FROM ledger.accounts
LEFT JOIN LATERAL (
    SELECT lots.seq, lots.remaining - lots.held AS free
    FROM ledger.lots
    WHERE accounts.next_due_at < 'infinity'
        AND lots.owner_id = account_to_hold.owner_id AND lots.asset = account_to_hold.asset
        AND lots.remaining > 0 AND lots.remaining > lots.held
    ORDER BY lots.expires_at, lots.seq
    LIMIT 1
) AS first_lot ON TRUE
WHERE accounts.owner_id = account_to_hold.owner_id AND accounts.asset = account_to_hold.asset
    AND accounts.frozen_at IS NULL
    AND accounts.next_due_at > account_to_hold.at AND accounts.last_entry_at <= account_to_hold.at
    -- Lots of a class have an order of their own.
    AND (accounts.next_due_at = 'infinity' OR NOT EXISTS (
        SELECT 1 FROM ledger.lots
        WHERE lots.owner_id = account_to_hold.owner_id AND lots.asset = account_to_hold.asset
            AND lots.remaining > 0 AND lots.remaining > lots.held
            AND ledger_core.is_classed(lots.credit_class, lots.priority, lots.usable_for, lots.usable_in)
    ))
    -- Entries older than ledger_core.nonces have their nonces in their own index only.
    AND NOT EXISTS (
        SELECT 1 FROM ledger.entries WHERE entries.app = account_to_hold.app AND entries.nonce = account_to_hold.nonce
    )
    -- Lists page by placed_at, so it is unique within the account.
    AND NOT EXISTS (
        SELECT 1 FROM ledger.holds
        WHERE holds.owner_id = account_to_hold.owner_id AND holds.asset = account_to_hold.asset
            AND holds.placed_at = account_to_hold.at
    )
$$;

COMMENT ON FUNCTION ledger_core.account_to_hold IS
'For ledger_core.open_hold_at_once: an account, without a lock, if a hold can be placed at this time and nothing is due.
version: of its row, which whatever changes its holds or lots changes as well. lot_seq, free_of_lot: the lot from which a
hold reserves first, and how much of it is free; null if there is none.';
