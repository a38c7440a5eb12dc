CREATE OR REPLACE FUNCTION ledger_core.reverse_credit(
    owner_id text, asset text, seq bigint, original_seq bigint, amount bigint
)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_left bigint := reverse_credit.amount;
    v_own bigint;
    v_not_expiring bigint;
BEGIN
    -- Take from the credit's own lot first or, if the credit does not expire, from credits that do not expire.
    SELECT least(v_left, remaining - held) INTO v_own
    FROM ledger.lots
    WHERE owner_id = reverse_credit.owner_id AND asset = reverse_credit.asset AND seq = reverse_credit.original_seq;
    IF NOT FOUND THEN
        SELECT
            (accounts.balance + reverse_credit.amount - coalesce(sum(lots.remaining), 0))
            - (accounts.held - coalesce(sum(lots.held), 0))
        INTO v_not_expiring
        FROM ledger.accounts
        LEFT JOIN ledger.lots
            ON accounts.owner_id = lots.owner_id AND accounts.asset = lots.asset AND lots.remaining > 0
        WHERE accounts.owner_id = reverse_credit.owner_id AND accounts.asset = reverse_credit.asset
        GROUP BY accounts.balance, accounts.held;
        v_left := v_left - least(v_left, greatest(v_not_expiring, 0));
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
            reverse_credit.owner_id, reverse_credit.asset, reverse_credit.seq, v_left
        );
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.reverse_credit IS
'Takes amount for the reversal seq of a credit, which is written already: first from credits of the same kind
(the lot of the original, or credits that do not expire), then as a debit does.';
