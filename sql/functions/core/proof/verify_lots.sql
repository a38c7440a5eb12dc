-- requires: functions/core/lots/makes_lot, functions/core/lots/is_usable
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
        SELECT
            entries.owner_id, entries.asset, entries.seq, entries.amount, entries.expires_at,
            ARRAY[entries.credit_class, entries.priority::text, entries.usable_for::text, entries.usable_in::text]::text
                AS use
        FROM ledger.entries
        WHERE ledger_core.owner_in_range(entries.owner_id, first, last, included) AND ledger_core.makes_lot(entries)
    )

    SELECT
        checks.problem, 'lots', coalesce(lots.owner_id, granted.owner_id, moved.owner_id, reserved.owner_id)::text,
        coalesce(lots.asset, granted.asset, moved.asset, reserved.asset)::text,
        coalesce(lots.seq, granted.seq, moved.lot_seq, reserved.lot_seq),
        jsonb_build_object('expected', checks.expected, 'found', checks.found)
    FROM (
        SELECT
            lots.*,
            ARRAY[lots.credit_class, lots.priority::text, lots.usable_for::text, lots.usable_in::text]::text AS use
        FROM ledger.lots
        WHERE ledger_core.owner_in_range(lots.owner_id, first, last, included)
    ) AS lots
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
        (
            'expires_at wrong',
            coalesce(granted.expires_at::text, CASE WHEN granted.seq IS NOT NULL THEN 'never' END),
            coalesce(lots.expires_at::text, CASE WHEN lots.seq IS NOT NULL THEN 'never' END)
        ),
        ('class or use wrong', granted.use, lots.use),
        ('remaining wrong', (lots.amount - coalesce(moved.amount, 0))::text, lots.remaining::text),
        ('held wrong', coalesce(reserved.amount, 0)::text, lots.held::text)
    ) AS checks (problem, expected, found)
    WHERE checks.expected <> checks.found;

    -- The amount that an entry takes from lots follows from what they contained before it, lots of the same use together.
    -- Debits of accounts that ever had a hold are left out: what the hold reserved at the time of the entry is not stored.
    RETURN QUERY
    WITH lots AS (
        SELECT
            kept.*,
            coalesce(kept.priority > ledger_core.plain_priority(), FALSE) AS is_late,
            concat_ws('/', kept.usable_for::text, kept.usable_in::text, kept.priority > ledger_core.plain_priority()) AS kind
        FROM ledger.lots AS kept
        WHERE ledger_core.owner_in_range(kept.owner_id, first, last, included)
    ),

    kinds AS (
        SELECT DISTINCT ON (lots.owner_id, lots.asset, lots.kind)
            lots.owner_id, lots.asset, lots.kind, lots.usable_for, lots.usable_in, lots.is_late
        FROM lots
        ORDER BY lots.owner_id, lots.asset, lots.kind
    ),

    changes AS (
        SELECT parts.owner_id, parts.asset, parts.seq, parts.kind, sum(parts.granted) AS granted, sum(parts.moved) AS moved
        FROM (
            SELECT lots.owner_id, lots.asset, lots.seq, lots.kind, lots.amount AS granted, 0 AS moved
            FROM lots
            UNION ALL
            SELECT moving.owner_id, moving.asset, moving.seq, lots.kind, 0, moving.amount
            FROM ledger.lot_movements AS moving
            INNER JOIN lots
                ON moving.owner_id = lots.owner_id AND moving.asset = lots.asset AND moving.lot_seq = lots.seq
            WHERE ledger_core.owner_in_range(moving.owner_id, first, last, included)
        ) AS parts
        GROUP BY parts.owner_id, parts.asset, parts.seq, parts.kind
    ),

    running AS (
        SELECT
            entries.owner_id, entries.asset, entries.seq, entries.nonce, entries.amount, entries.balance_after,
            entries.hold_nonce, entries.usable_for, entries.usable_in,
            ledger_core.makes_lot(entries) AS makes_lot,
            entries.amount < 0 AND entries.operation NOT IN ('EXPIRY', 'FORFEITURE', 'REVERSAL') AS debit,
            coalesce(changes.moved, 0) AS moved,
            sum(coalesce(changes.granted, 0) - coalesce(changes.moved, 0)) OVER (
                PARTITION BY entries.owner_id, entries.asset, kinds.kind ORDER BY entries.seq
            ) - coalesce(changes.granted, 0) + coalesce(changes.moved, 0) AS in_lots,
            kinds.is_late,
            entries.operation IN ('ADJUSTMENT', 'ACCOUNT_MOVE')
            OR ledger_core.is_usable(kinds.usable_for, kinds.usable_in, entries.operation, entries.app) AS is_usable
        FROM ledger.entries
        INNER JOIN kinds ON entries.owner_id = kinds.owner_id AND entries.asset = kinds.asset
        LEFT JOIN changes
            ON entries.owner_id = changes.owner_id AND entries.asset = changes.asset AND entries.seq = changes.seq
            AND kinds.kind = changes.kind
        WHERE ledger_core.owner_in_range(entries.owner_id, first, last, included)
    ),

    summed AS (
        SELECT
            running.owner_id, running.asset, running.seq, running.nonce, running.amount, running.balance_after,
            running.hold_nonce, running.makes_lot, running.debit,
            num_nonnulls(running.usable_for, running.usable_in) > 0 AS is_limited,
            sum(running.moved) AS moved,
            running.balance_after - running.amount - sum(running.in_lots) AS in_no_lot,
            coalesce(sum(running.in_lots) FILTER (WHERE running.is_usable AND NOT running.is_late), 0) AS early,
            coalesce(sum(running.in_lots) FILTER (WHERE running.is_usable AND running.is_late), 0) AS late
        FROM running
        GROUP BY
            running.owner_id, running.asset, running.seq, running.nonce, running.amount, running.balance_after,
            running.hold_nonce, running.makes_lot, running.debit, running.usable_for, running.usable_in
    )

    SELECT
        checks.problem, 'lot_movements', expected.owner_id::text, expected.asset::text, expected.seq,
        jsonb_build_object('nonce', expected.nonce, 'expected', checks.expected, 'found', expected.moved)
    FROM (
        SELECT
            summed.*,
            CASE
                WHEN summed.makes_lot AND summed.is_limited THEN 0
                -- The part that pays off an overdraft is spent at once.
                WHEN summed.makes_lot THEN least(summed.amount, greatest(0, -summed.in_no_lot))
                WHEN summed.debit THEN least(-summed.amount, summed.early) + greatest(0, least(
                    summed.late, -summed.amount - summed.early - greatest(0, summed.in_no_lot)
                ))
            END AS moving
        FROM summed
    ) AS expected
    CROSS JOIN LATERAL (
        VALUES
        ('movements do not follow from the entry', expected.moving),
        -- Spent of credits in no lot, because those of lots are not for this: never below the lowest floor
        (
            'overspent beside the lots',
            CASE
                WHEN expected.debit AND expected.hold_nonce IS NULL AND expected.moved < -expected.amount
                    THEN least(0, (
                        SELECT min(CASE jsonb_typeof(actions.after -> 'min_balance')
                            WHEN 'number' THEN (actions.after -> 'min_balance')::numeric
                        END)
                        FROM ledger.operator_actions AS actions
                        WHERE actions.owner_id = expected.owner_id AND actions.asset = expected.asset
                            AND actions.action = 'set_min_balance'
                    ))
            END
        )
    ) AS checks (problem, expected)
    WHERE CASE checks.problem
        WHEN 'overspent beside the lots'
            THEN expected.in_no_lot + expected.amount + expected.moved < checks.expected
        ELSE checks.expected <> expected.moved
        AND CASE
            WHEN expected.makes_lot
                -- A debt is filled first, too: how much it was depends on holds of that time.
                THEN expected.moved < expected.moving OR NOT coalesce((
                    SELECT TRUE FROM ledger.entries AS debts
                    WHERE debts.owner_id = expected.owner_id AND debts.asset = expected.asset
                        AND debts.seq < expected.seq AND debts.overdrawn
                    LIMIT 1
                ), FALSE)
            ELSE NOT EXISTS (
                SELECT 1 FROM ledger.holds
                WHERE holds.owner_id = expected.owner_id AND holds.asset = expected.asset
            )
        END
    END;
END
$$;

COMMENT ON FUNCTION ledger_core.verify_lots IS
'Lots and movements that do not follow from the entries that granted, spent, expired or returned the credits.';
