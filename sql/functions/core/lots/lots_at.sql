-- requires: functions/core/lots/spending_order
-- A plain SELECT, so that the planner inlines it.
CREATE OR REPLACE FUNCTION ledger_core.lots_at(owner_id text, asset text, at timestamptz)
RETURNS TABLE (
    seq bigint,
    amount bigint,
    remaining bigint,
    held bigint,
    expires_at timestamptz,
    credit_class text,
    priority integer,
    usable_for text [],
    usable_in text [],
    place bytea
)
LANGUAGE sql
STABLE
AS $$
SELECT
    now.seq,
    now.amount,
    -- What has expired counts as gone although that may not be posted yet.
    CASE WHEN now.expires_at <= lots_at.at THEN now.held ELSE now.remaining END,
    now.held,
    now.expires_at,
    now.credit_class,
    coalesce(now.priority, ledger_core.plain_priority()),
    now.usable_for,
    now.usable_in,
    ledger_core.spending_order(now.priority, now.expires_at, now.usable_for, now.usable_in, now.credit_class)
FROM (
    SELECT
        lots.seq,
        lots.amount,
        lots.remaining,
        lots.expires_at,
        lots.credit_class,
        lots.priority,
        lots.usable_for,
        lots.usable_in,
        lots.held - coalesce(ended.amount, 0) AS held
    FROM ledger.lots
    LEFT JOIN (
        -- What is freed by holds that are over and not posted yet
        SELECT hold_lots.lot_seq, sum(hold_lots.amount)::bigint AS amount
        FROM ledger.holds
        INNER JOIN ledger.hold_lots
            ON holds.owner_id = hold_lots.owner_id AND holds.app = hold_lots.app AND holds.nonce = hold_lots.hold_nonce
        WHERE holds.owner_id = lots_at.owner_id AND holds.asset = lots_at.asset
            AND holds.status = 'open' AND holds.expires_at <= lots_at.at
            AND hold_lots.owner_id = lots_at.owner_id AND hold_lots.asset = lots_at.asset
        GROUP BY hold_lots.lot_seq
    ) AS ended ON lots.seq = ended.lot_seq
    WHERE lots.owner_id = lots_at.owner_id AND lots.asset = lots_at.asset AND lots.remaining > 0
    OFFSET 0
) AS now
WHERE now.held > 0 OR coalesce(now.expires_at > lots_at.at, TRUE)
$$;

COMMENT ON FUNCTION ledger_core.lots_at IS
'The lots of an account with something left at a time not before its last entry, with what is left and held then: expiries and
ends of holds count although they may not be posted yet. place: ledger_core.spending_order.';
