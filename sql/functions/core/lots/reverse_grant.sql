CREATE OR REPLACE FUNCTION ledger_core.reverse_grant(
    owner_id text, asset text, seq bigint, original_seq bigint, amount bigint, available bigint
)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_left bigint := reverse_grant.amount;
    v_own bigint := 0;
    v_in_no_lot bigint;
BEGIN
    -- Take from the credit's own lot first or, if it has none, from credits in no lot.
    SELECT least(v_left, remaining - held) INTO v_own
    FROM ledger.lots
    WHERE owner_id = reverse_grant.owner_id AND asset = reverse_grant.asset AND seq = reverse_grant.original_seq;
    IF NOT FOUND THEN
        v_own := 0;
        SELECT reverse_grant.available - coalesce(sum(remaining - held), 0) INTO v_in_no_lot
        FROM ledger.lots
        WHERE owner_id = reverse_grant.owner_id AND asset = reverse_grant.asset AND remaining > 0;
        v_left := v_left - least(v_left, greatest(v_in_no_lot, 0));
    ELSIF v_own > 0 THEN
        INSERT INTO ledger.lot_movements (owner_id, asset, seq, lot_seq, amount)
        VALUES (
            reverse_grant.owner_id, reverse_grant.asset, reverse_grant.seq, reverse_grant.original_seq, v_own
        );
        UPDATE ledger.lots
        SET remaining = remaining - v_own
        WHERE owner_id = reverse_grant.owner_id AND asset = reverse_grant.asset
            AND seq = reverse_grant.original_seq;
        v_left := v_left - v_own;
    END IF;
    IF v_left > 0 THEN
        PERFORM ledger_core.take_lots(
            reverse_grant.owner_id, reverse_grant.asset, reverse_grant.seq, v_left, NULL, NULL,
            -- What is in no lot, if that was first, is gone, too.
            reverse_grant.available - (reverse_grant.amount - v_left)
        );
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.reverse_grant IS
'Takes amount for the reversal seq of a credit, which is written already: first from credits of the same kind
(the lot of the original, or those in no lot), then in the order of spending, whatever they are for. available: balance less held
before it.';
