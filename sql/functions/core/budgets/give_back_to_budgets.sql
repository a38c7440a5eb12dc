CREATE OR REPLACE FUNCTION ledger_core.give_back_to_budgets(owner_id text, asset text, seq bigint, amount bigint)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_in_order_from bigint;
    v_original record;
BEGIN
    SELECT in_order_from INTO v_in_order_from
    FROM ledger.accounts
    WHERE owner_id = give_back_to_budgets.owner_id AND asset = give_back_to_budgets.asset AND has_budgets;
    IF NOT FOUND THEN
        RETURN;
    ELSIF give_back_to_budgets.seq < v_in_order_from THEN
        -- Its time may not be that at which it counts.
        PERFORM ledger_core.forget_budget_use(give_back_to_budgets.owner_id, give_back_to_budgets.asset);
        RETURN;
    END IF;
    SELECT
        app, operation, spender,
        CASE WHEN hold_nonce IS NULL THEN recorded_at ELSE (
            SELECT holds.placed_at FROM ledger.holds
            WHERE holds.owner_id = give_back_to_budgets.owner_id AND holds.app = entries.app
                AND holds.nonce = entries.hold_nonce
        ) END AS at
    INTO STRICT v_original
    FROM ledger.entries
    WHERE owner_id = give_back_to_budgets.owner_id AND asset = give_back_to_budgets.asset
        AND seq = give_back_to_budgets.seq;
    PERFORM ledger_core.move_in_budgets(
        give_back_to_budgets.owner_id, give_back_to_budgets.asset, v_original.app, v_original.operation,
        v_original.spender, v_original.at, -give_back_to_budgets.amount, 0
    );
END
$$;

COMMENT ON FUNCTION ledger_core.give_back_to_budgets IS
'Gives back to budgets what a reversal took back of the debit seq of a locked account, in the period of the debit; of a
capture in that of its hold.';
