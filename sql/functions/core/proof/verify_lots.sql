CREATE OR REPLACE FUNCTION ledger_core.verify_lots(first text, last text, included boolean)
RETURNS SETOF ledger.discrepancy
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH moved AS (
        SELECT lot_movements.owner_id, lot_movements.asset, lot_movements.lot_seq, sum(lot_movements.amount) AS amount
        FROM ledger.lot_movements
        WHERE ledger_core.owner_in_range(lot_movements.owner_id, first, last, included)
        GROUP BY lot_movements.owner_id, lot_movements.asset, lot_movements.lot_seq
    ),

    reserved AS (
        SELECT hold_lots.owner_id, hold_lots.asset, hold_lots.lot_seq, sum(hold_lots.amount) AS amount
        FROM ledger.hold_lots
        WHERE ledger_core.owner_in_range(hold_lots.owner_id, first, last, included)
        GROUP BY hold_lots.owner_id, hold_lots.asset, hold_lots.lot_seq
    ),

    granted AS (
        SELECT entries.owner_id, entries.asset, entries.seq, entries.amount, entries.expires_at
        FROM ledger.entries
        WHERE ledger_core.owner_in_range(entries.owner_id, first, last, included) AND entries.expires_at IS NOT NULL
    )

    SELECT
        checks.problem, 'lots', coalesce(lots.owner_id, granted.owner_id, moved.owner_id, reserved.owner_id)::text,
        coalesce(lots.asset, granted.asset, moved.asset, reserved.asset)::text,
        coalesce(lots.seq, granted.seq, moved.lot_seq, reserved.lot_seq),
        jsonb_build_object('expected', checks.expected, 'found', checks.found)
    FROM (SELECT * FROM ledger.lots WHERE ledger_core.owner_in_range(lots.owner_id, first, last, included)) AS lots
    FULL JOIN granted ON lots.owner_id = granted.owner_id AND lots.asset = granted.asset AND lots.seq = granted.seq
    FULL JOIN moved
        ON lots.owner_id = moved.owner_id AND lots.asset = moved.asset AND lots.seq = moved.lot_seq
    FULL JOIN reserved
        ON lots.owner_id = reserved.owner_id AND lots.asset = reserved.asset AND lots.seq = reserved.lot_seq
    CROSS JOIN LATERAL (
        VALUES
        ('lot missing', 'lot', CASE WHEN lots.seq IS NULL THEN 'none' ELSE 'lot' END),
        ('lot without entry', 'entry', CASE WHEN granted.seq IS NULL THEN 'none' ELSE 'entry' END),
        ('amount wrong', granted.amount::text, lots.amount::text),
        ('expires_at wrong', granted.expires_at::text, lots.expires_at::text),
        ('remaining wrong', (lots.amount - coalesce(moved.amount, 0))::text, lots.remaining::text),
        ('held wrong', coalesce(reserved.amount, 0)::text, lots.held::text)
    ) AS checks (problem, expected, found)
    WHERE checks.expected <> checks.found;

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

    -- The amount that an entry takes from lots follows from what they contained before it. Debits of accounts that ever
    -- had a hold are left out: what the hold reserved at the time of the entry is not stored.
    RETURN QUERY
    WITH running AS (
        SELECT
            entries.owner_id, entries.asset, entries.seq, entries.nonce, entries.amount, entries.balance_after,
            entries.expires_at,
            entries.amount < 0 AND entries.operation NOT IN ('EXPIRY', 'FORFEITURE', 'REVERSAL') AS debit,
            coalesce(moving.amount, 0) AS moved,
            sum(CASE WHEN entries.expires_at IS NULL THEN 0 ELSE entries.amount END - coalesce(moving.amount, 0)) OVER (
                PARTITION BY entries.owner_id, entries.asset ORDER BY entries.seq
            ) AS in_lots_after
        FROM ledger.entries
        LEFT JOIN (
            SELECT lot_movements.owner_id, lot_movements.asset, lot_movements.seq, sum(lot_movements.amount) AS amount
            FROM ledger.lot_movements
            WHERE ledger_core.owner_in_range(lot_movements.owner_id, first, last, included)
            GROUP BY lot_movements.owner_id, lot_movements.asset, lot_movements.seq
        ) AS moving
            ON entries.owner_id = moving.owner_id AND entries.asset = moving.asset AND entries.seq = moving.seq
        WHERE ledger_core.owner_in_range(entries.owner_id, first, last, included)
            AND (entries.owner_id, entries.asset) IN (
                SELECT lots.owner_id, lots.asset
                FROM ledger.lots
                WHERE ledger_core.owner_in_range(lots.owner_id, first, last, included)
            )
    )

    SELECT
        'movements do not follow from the entry', 'lot_movements', expected.owner_id::text, expected.asset::text,
        expected.seq,
        jsonb_build_object('nonce', expected.nonce, 'expected', expected.moving, 'found', expected.moved)
    FROM (
        SELECT
            running.*,
            CASE
                -- The part that pays off an overdraft is spent at once.
                WHEN running.expires_at IS NOT NULL THEN least(
                    running.amount,
                    greatest(0, running.in_lots_after + running.moved - running.balance_after)
                )
                WHEN running.debit THEN least(-running.amount, running.in_lots_after + running.moved)
            END AS moving
        FROM running
    ) AS expected
    WHERE expected.moving <> expected.moved
        AND (
            (
                expected.expires_at IS NOT NULL
                -- A debt is filled first, too: how much it was depends on holds of that time.
                AND (expected.moved < expected.moving OR NOT coalesce((
                    SELECT TRUE FROM ledger.entries AS debts
                    WHERE debts.owner_id = expected.owner_id AND debts.asset = expected.asset
                        AND debts.seq < expected.seq AND debts.overdrawn
                    LIMIT 1
                ), FALSE))
            )
            OR (expected.expires_at IS NULL AND NOT EXISTS (
                SELECT 1 FROM ledger.holds
                WHERE holds.owner_id = expected.owner_id AND holds.asset = expected.asset
            ))
        );
END
$$;

COMMENT ON FUNCTION ledger_core.verify_lots IS
'Lots and movements that do not follow from the entries that granted, spent, expired or returned the credits.';
