-- requires: functions/core/time/clock
CREATE OR REPLACE VIEW ledger.open_holds AS
SELECT
    holds.owner_id,
    holds.asset,
    holds.app,
    holds.operation,
    holds.nonce,
    holds.amount,
    holds.captured,
    holds.amount - holds.captured AS remaining,
    holds.placed_at,
    holds.expires_at,
    holds.metadata,
    holds.spender,
    holds.quantity
FROM ledger.holds
WHERE holds.status = 'open' AND holds.expires_at > (SELECT ledger_core.clock());

COMMENT ON VIEW ledger.open_holds IS 'The holds that reserve credits now; remaining is what each still reserves.';
