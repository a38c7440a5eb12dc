-- requires: functions/core/lots/spending_order, functions/core/lots/is_classed
-- requires: functions/core/reading/clock_events, functions/core/allowances/nonce_of_allowance
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
    place bytea,
    app text,
    operation text,
    nonce text,
    granted_at timestamptz
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
    ledger_core.spending_order(now.priority, now.expires_at, now.usable_for, now.usable_in, now.credit_class),
    now.app,
    now.operation,
    now.nonce,
    now.granted_at
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
        lots.held - coalesce(ended.amount, 0) AS held,
        NULL AS app,
        NULL AS operation,
        NULL AS nonce,
        NULL::timestamptz AS granted_at
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
    UNION ALL
    -- What has come from allowances and is not posted yet
    SELECT
        due.seq,
        due.amount,
        due.free,
        due.expires_at,
        allowances.credit_class,
        allowances.priority,
        allowances.usable_for,
        allowances.usable_in,
        0,
        CASE due.kind WHEN 'allowance' THEN due.app ELSE 'ledger' END,
        due.operation,
        CASE due.kind WHEN 'allowance' THEN ledger_core.nonce_of_allowance(due.nonce, due.occurrence) END,
        due.at
    FROM ledger_core.clock_events(lots_at.owner_id, lots_at.asset, lots_at.at, lots_at.at) AS due
    INNER JOIN ledger.allowances ON due.app = allowances.app AND due.nonce = allowances.nonce
    WHERE due.kind IN ('allowance', 'carry_over') AND due.free > 0 AND allowances.owner_id = lots_at.owner_id
        AND (
            due.expires_at IS NOT NULL
            OR ledger_core.is_classed(
                allowances.credit_class, allowances.priority, allowances.usable_for, allowances.usable_in
            )
        )
    OFFSET 0
) AS now
WHERE now.held > 0 OR coalesce(now.expires_at > lots_at.at, TRUE)
$$;

COMMENT ON FUNCTION ledger_core.lots_at IS
'The lots of an account with something left at a time not before its last entry, with what is left and held then: expiries and
ends of holds count although they may not be posted yet. place: ledger_core.spending_order. app,
operation, nonce, granted_at: of the entry of a lot that is not posted yet (no nonce if it is carried over); else null.';
