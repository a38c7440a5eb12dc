CREATE OR REPLACE FUNCTION ledger_core.end_hold(
    owner_id text,
    app text,
    hold_nonce text,
    status text,
    at timestamptz,
    captured bigint DEFAULT 0,
    seq bigint DEFAULT NULL,
    has_lots boolean DEFAULT TRUE
)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_asset text;
BEGIN
    WITH ended AS (
        UPDATE ledger.holds
        SET captured = captured + end_hold.captured, status = end_hold.status, closed_at = end_hold.at
        WHERE owner_id = end_hold.owner_id AND app = end_hold.app AND nonce = end_hold.hold_nonce AND status = 'open'
        RETURNING asset, amount - captured + end_hold.captured AS reserved
    )

    UPDATE ledger.accounts
    SET held = accounts.held - ended.reserved
    FROM ended
    WHERE accounts.owner_id = end_hold.owner_id AND accounts.asset = ended.asset
    RETURNING accounts.asset INTO STRICT v_asset;
    IF NOT has_lots THEN
        RETURN;
    END IF;

    -- What is captured comes from the lots that expire first.
    WITH reserved AS (
        DELETE FROM ledger.hold_lots
        WHERE owner_id = end_hold.owner_id AND app = end_hold.app AND hold_nonce = end_hold.hold_nonce
        RETURNING lot_seq, amount
    ),

    shares AS (
        SELECT
            reserved.lot_seq,
            reserved.amount AS freed,
            greatest(0, least(reserved.amount, end_hold.captured + reserved.amount - (
                sum(reserved.amount) OVER (ORDER BY lots.expires_at, lots.seq)
            )::bigint)) AS taken
        FROM reserved
        INNER JOIN ledger.lots ON reserved.lot_seq = lots.seq
        WHERE lots.owner_id = end_hold.owner_id AND lots.asset = v_asset
    ),

    moved AS (
        INSERT INTO ledger.lot_movements (owner_id, asset, seq, lot_seq, amount)
        SELECT end_hold.owner_id, v_asset, end_hold.seq, shares.lot_seq, shares.taken
        FROM shares
        WHERE shares.taken > 0
    )

    UPDATE ledger.lots
    SET remaining = lots.remaining - shares.taken, held = lots.held - shares.freed
    FROM shares
    WHERE lots.owner_id = end_hold.owner_id AND lots.asset = v_asset AND lots.seq = shares.lot_seq;
END
$$;

COMMENT ON FUNCTION ledger_core.end_hold IS
'Ends an open hold of a locked account and frees what it still reserves. captured: what the entry seq captures of it at the
same time. has_lots: false if it is known to reserve no lots. The caller then posts the expiry of credits that expired while
they were reserved.';
