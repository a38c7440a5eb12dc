-- requires: functions/core/lots/spending_order
-- A plain SELECT, so that the planner inlines it.
CREATE OR REPLACE FUNCTION ledger_core.captured_lots(
    owner_id text, asset text, app text, hold_nonce text, captured bigint, reserved bigint
)
RETURNS TABLE (lot_seq bigint, amount bigint, taken bigint)
LANGUAGE sql
STABLE
AS $$
SELECT
    ordered.seq,
    ordered.amount,
    greatest(0, least(
        ordered.amount,
        captured_lots.captured - ordered.up_to + ordered.amount
        -- Credits in no lot come before.
        - CASE
            WHEN ordered.priority > ledger_core.plain_priority() THEN greatest(0, captured_lots.reserved - (
                SELECT sum(hold_lots.amount)::bigint
                FROM ledger.hold_lots
                WHERE hold_lots.owner_id = captured_lots.owner_id AND hold_lots.app = captured_lots.app
                    AND hold_lots.hold_nonce = captured_lots.hold_nonce
            ))
            ELSE 0
        END
    ))
FROM (
    SELECT
        held.*,
        (sum(held.amount) OVER (ORDER BY held.place, held.seq))::bigint AS up_to
    FROM (
        SELECT
            lots.seq,
            hold_lots.amount,
            lots.priority,
            ledger_core.spending_order(
                lots.priority, lots.expires_at, lots.usable_for, lots.usable_in, lots.credit_class
            ) AS place
        FROM ledger.hold_lots
        INNER JOIN ledger.lots
            ON hold_lots.owner_id = lots.owner_id AND hold_lots.asset = lots.asset AND hold_lots.lot_seq = lots.seq
        WHERE hold_lots.owner_id = captured_lots.owner_id AND hold_lots.app = captured_lots.app
            AND hold_lots.hold_nonce = captured_lots.hold_nonce
            AND lots.owner_id = captured_lots.owner_id AND lots.asset = captured_lots.asset
    ) AS held
) AS ordered
$$;

COMMENT ON FUNCTION ledger_core.captured_lots IS
'What a hold reserves of each lot (amount), and how much of that a capture of captured takes (taken), in the order in which lots
are spent. reserved: all that the hold reserves, credits in no lot with it.';
