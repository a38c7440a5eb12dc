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
        WHERE ledger_core.in_range(lot_movements.owner_id, first, last, included)
        GROUP BY lot_movements.owner_id, lot_movements.asset, lot_movements.lot_seq
    ),

    reserved AS (
        SELECT hold_lots.owner_id, hold_lots.asset, hold_lots.lot_seq, sum(hold_lots.amount) AS amount
        FROM ledger.hold_lots
        WHERE ledger_core.in_range(hold_lots.owner_id, first, last, included)
        GROUP BY hold_lots.owner_id, hold_lots.asset, hold_lots.lot_seq
    ),

    granted AS (
        SELECT entries.owner_id, entries.asset, entries.seq, entries.amount, entries.expires_at
        FROM ledger.entries
        WHERE ledger_core.in_range(entries.owner_id, first, last, included) AND entries.expires_at IS NOT NULL
    )

    SELECT
        checks.problem, 'lots', coalesce(lots.owner_id, granted.owner_id, moved.owner_id, reserved.owner_id)::text,
        coalesce(lots.asset, granted.asset, moved.asset, reserved.asset)::text,
        coalesce(lots.seq, granted.seq, moved.lot_seq, reserved.lot_seq),
        jsonb_build_object('expected', checks.expected, 'found', checks.found)
    FROM (SELECT * FROM ledger.lots WHERE ledger_core.in_range(lots.owner_id, first, last, included)) AS lots
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
        WHERE ledger_core.in_range(lot_movements.owner_id, first, last, included)
        GROUP BY lot_movements.owner_id, lot_movements.asset, lot_movements.seq
    ) AS moving
    LEFT JOIN ledger.entries
        ON moving.owner_id = entries.owner_id AND moving.asset = entries.asset AND moving.seq = entries.seq
    WHERE entries.seq IS NULL
        OR (entries.operation = 'EXPIRY' AND moving.moved <> -entries.amount)
        OR (entries.amount < 0 AND moving.moved NOT BETWEEN 0 AND -entries.amount)
        OR (entries.amount >= 0 AND NOT moving.own AND moving.moved NOT BETWEEN -entries.amount AND 0)
        OR (moving.own AND moving.moved NOT BETWEEN 0 AND entries.amount);
END
$$;

COMMENT ON FUNCTION ledger_core.verify_lots(text, text, boolean) IS
'Lots and movements that do not follow from the entries that granted, took, expired or gave back the credits.';
