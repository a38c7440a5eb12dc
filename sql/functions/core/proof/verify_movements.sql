-- requires: functions/core/lots/is_usable
CREATE OR REPLACE FUNCTION ledger_core.verify_movements(first text, last text, included boolean)
RETURNS SETOF ledger.discrepancy
LANGUAGE plpgsql
STABLE
-- Each row is read once, whatever the planner believes of the number of rows: of tables that were never analyzed, it would
-- compare all entries of an owner with all lots.
SET enable_nestloop = off
SET enable_mergejoin = off
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT
        'movement without entry or beyond it', 'lot_movements', moving.owner_id::text, moving.asset::text, moving.seq,
        jsonb_build_object('moved', moving.moved, 'amount', entries.amount, 'operation', entries.operation)
    FROM (
        SELECT
            lot_movements.owner_id, lot_movements.asset, lot_movements.seq, sum(lot_movements.amount) AS moved,
            bool_and(lot_movements.seq = lot_movements.lot_seq) AS own
        FROM ledger.lot_movements
        WHERE ledger_core.owner_in_range(lot_movements.owner_id, first, last, included)
        GROUP BY lot_movements.owner_id, lot_movements.asset, lot_movements.seq
    ) AS moving
    LEFT JOIN ledger.entries
        ON moving.owner_id = entries.owner_id AND moving.asset = entries.asset AND moving.seq = entries.seq
        AND ledger_core.owner_in_range(entries.owner_id, first, last, included)
    WHERE entries.seq IS NULL
        OR (entries.operation IN ('EXPIRY', 'FORFEITURE') AND moving.moved <> -entries.amount)
        OR (entries.amount < 0 AND moving.moved NOT BETWEEN 0 AND -entries.amount)
        OR (entries.amount >= 0 AND NOT moving.own AND moving.moved NOT BETWEEN -entries.amount AND 0)
        OR (moving.own AND moving.moved NOT BETWEEN 0 AND entries.amount);

    RETURN QUERY
    SELECT
        'movement at the wrong time', 'lot_movements', moving.owner_id::text, moving.asset::text, moving.seq,
        jsonb_build_object(
            'lot_seq', moving.lot_seq, 'operation', entries.operation, 'recorded_at', entries.recorded_at,
            'expires_at', lots.expires_at
        )
    FROM ledger.lot_movements AS moving
    INNER JOIN ledger.entries
        ON moving.owner_id = entries.owner_id AND moving.asset = entries.asset AND moving.seq = entries.seq
        AND ledger_core.owner_in_range(entries.owner_id, first, last, included)
    INNER JOIN ledger.lots
        ON moving.owner_id = lots.owner_id AND moving.asset = lots.asset AND moving.lot_seq = lots.seq
        AND ledger_core.owner_in_range(lots.owner_id, first, last, included)
    WHERE ledger_core.owner_in_range(moving.owner_id, first, last, included)
        AND CASE
            WHEN moving.seq < moving.lot_seq THEN TRUE
            WHEN entries.operation = 'EXPIRY' THEN entries.recorded_at < lots.expires_at
            -- A capture may spend reserved credits after their expiry. A reversal may return credits to an expired lot.
            WHEN entries.hold_nonce IS NULL AND moving.amount > 0 THEN entries.recorded_at >= lots.expires_at
            ELSE FALSE
        END;

    RETURN QUERY
    SELECT
        'movement beyond the use of the credits', 'lot_movements', moving.owner_id::text, moving.asset::text, moving.seq,
        jsonb_build_object(
            'lot_seq', moving.lot_seq, 'app', entries.app, 'operation', entries.operation, 'usable_for', lots.usable_for,
            'usable_in', lots.usable_in
        )
    FROM ledger.lot_movements AS moving
    INNER JOIN ledger.entries
        ON moving.owner_id = entries.owner_id AND moving.asset = entries.asset AND moving.seq = entries.seq
        AND ledger_core.owner_in_range(entries.owner_id, first, last, included)
    INNER JOIN ledger.lots
        ON moving.owner_id = lots.owner_id AND moving.asset = lots.asset AND moving.lot_seq = lots.seq
        AND ledger_core.owner_in_range(lots.owner_id, first, last, included)
        AND num_nonnulls(lots.usable_for, lots.usable_in) > 0
    WHERE ledger_core.owner_in_range(moving.owner_id, first, last, included)
        AND moving.amount > 0
        AND CASE
            -- What pays off an overdraft pays for what other operations have spent.
            WHEN moving.seq = moving.lot_seq THEN TRUE
            WHEN entries.operation = ANY (ledger_core.own_operations()) THEN FALSE
            ELSE NOT ledger_core.is_usable(lots.usable_for, lots.usable_in, entries.operation, entries.app)
        END;
END
$$;

COMMENT ON FUNCTION ledger_core.verify_movements IS
'Movements of lots without their entry or beyond it, at a time when the lot could not move, or for what its credits are not for.';
