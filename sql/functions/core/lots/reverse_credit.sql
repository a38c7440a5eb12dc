CREATE OR REPLACE FUNCTION ledger_core.reverse_credit(
    owner_id text, asset text, seq bigint, original_seq bigint, amount bigint, available bigint
)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_left bigint := reverse_credit.amount;
    v_own bigint := 0;
    v_in_no_lot bigint;
BEGIN
    -- Take from the credit's own lot first or, if it has none, from credits in no lot.
    SELECT least(v_left, remaining - held) INTO v_own
    FROM ledger.lots
    WHERE owner_id = reverse_credit.owner_id AND asset = reverse_credit.asset AND seq = reverse_credit.original_seq;
    IF NOT FOUND THEN
        v_own := 0;
        SELECT reverse_credit.available - coalesce(sum(remaining - held), 0) INTO v_in_no_lot
        FROM ledger.lots
        WHERE owner_id = reverse_credit.owner_id AND asset = reverse_credit.asset AND remaining > 0;
        v_left := v_left - least(v_left, greatest(v_in_no_lot, 0));
    ELSIF v_own > 0 THEN
        INSERT INTO ledger.lot_movements (owner_id, asset, seq, lot_seq, amount)
        VALUES (
            reverse_credit.owner_id, reverse_credit.asset, reverse_credit.seq, reverse_credit.original_seq, v_own
        );
        UPDATE ledger.lots
        SET remaining = remaining - v_own
        WHERE owner_id = reverse_credit.owner_id AND asset = reverse_credit.asset
            AND seq = reverse_credit.original_seq;
        v_left := v_left - v_own;
    END IF;
    IF v_left > 0 THEN
        PERFORM ledger_core.spend_lots(
            reverse_credit.owner_id, reverse_credit.asset, reverse_credit.seq, v_left, NULL, NULL,
            -- What is in no lot, if that was first, is gone, too.
            reverse_credit.available - (reverse_credit.amount - v_left)
        );
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.reverse_credit IS
'Takes amount for the reversal seq of a credit, which is written already: first from credits of the same kind
(the lot of the original, or those in no lot), then in the order of spending, whatever they are for. available: balance less held
before it.';
