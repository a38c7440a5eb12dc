-- requires: functions/core/holds/captured_lots
CREATE OR REPLACE FUNCTION ledger_core.release_held_lots(
    owner_id text,
    asset text,
    app text,
    hold_nonce text,
    captured bigint DEFAULT 0,
    reserved bigint DEFAULT 0,
    seq bigint DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    -- All or nothing needs no order.
    IF release_held_lots.captured IN (0, release_held_lots.reserved) THEN
        WITH freed AS (
            DELETE FROM ledger.hold_lots
            WHERE owner_id = release_held_lots.owner_id AND app = release_held_lots.app
                AND hold_nonce = release_held_lots.hold_nonce
            RETURNING lot_seq, amount
        ),

        moved AS (
            INSERT INTO ledger.lot_movements (owner_id, asset, seq, lot_seq, amount)
            SELECT release_held_lots.owner_id, release_held_lots.asset, release_held_lots.seq, freed.lot_seq, freed.amount
            FROM freed
            WHERE release_held_lots.captured > 0
        )

        UPDATE ledger.lots
        SET
            remaining = lots.remaining - CASE WHEN release_held_lots.captured > 0 THEN freed.amount ELSE 0 END,
            held = lots.held - freed.amount
        FROM freed
        WHERE lots.owner_id = release_held_lots.owner_id AND lots.asset = release_held_lots.asset AND lots.seq = freed.lot_seq;
        RETURN;
    END IF;

    WITH shares AS MATERIALIZED (
        SELECT held.*
        FROM ledger_core.captured_lots(
            release_held_lots.owner_id, release_held_lots.asset, release_held_lots.app, release_held_lots.hold_nonce,
            release_held_lots.captured, release_held_lots.reserved
        ) AS held
    ),

    freed AS (
        DELETE FROM ledger.hold_lots
        WHERE owner_id = release_held_lots.owner_id AND app = release_held_lots.app
            AND hold_nonce = release_held_lots.hold_nonce
    ),

    moved AS (
        INSERT INTO ledger.lot_movements (owner_id, asset, seq, lot_seq, amount)
        SELECT release_held_lots.owner_id, release_held_lots.asset, release_held_lots.seq, shares.lot_seq, shares.taken
        FROM shares
        WHERE shares.taken > 0
    )

    UPDATE ledger.lots
    SET remaining = lots.remaining - shares.taken, held = lots.held - shares.amount
    FROM shares
    WHERE lots.owner_id = release_held_lots.owner_id AND lots.asset = release_held_lots.asset AND lots.seq = shares.lot_seq;
END
$$;

COMMENT ON FUNCTION ledger_core.release_held_lots IS
'Frees all that a hold of a locked account reserves of lots. captured: what the entry seq captures of it at the same time, of
reserved, all that it reserves.';
