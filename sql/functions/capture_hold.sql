-- requires: dropped/0.1_answers
-- requires: dropped/0.1_signatures
CREATE OR REPLACE FUNCTION ledger.capture_hold(
    app text,
    hold_nonce text,
    nonce text,
    amount bigint DEFAULT NULL,
    final boolean DEFAULT TRUE,
    metadata jsonb DEFAULT NULL,
    owner_id text DEFAULT NULL,
    beyond text DEFAULT 'refuse',
    quantity bigint DEFAULT NULL
)
RETURNS ledger.recorded_row
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while a table is empty would go on reading the whole of it.
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_account record;
    v_recorded ledger.recorded_row;
BEGIN
    IF NOT ledger_core.is_nonce(capture_hold.nonce) OR capture_hold.metadata IS NOT NULL THEN
        PERFORM ledger_core.check_nonce(capture_hold.app, capture_hold.nonce);
        PERFORM ledger_core.check_metadata(capture_hold.metadata);
    END IF;
    IF capture_hold.beyond NOT IN ('refuse', 'available', 'debt') THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'beyond', 'reason', 'must be refuse, available or debt'
        ));
    ELSIF capture_hold.quantity IS NOT NULL THEN
        PERFORM ledger_core.check_measure(capture_hold.amount, capture_hold.quantity);
    END IF;
    IF capture_hold.quantity IS NULL THEN
        v_recorded := ledger_core.spend_hold_at_once(
            capture_hold.owner_id, capture_hold.app, capture_hold.hold_nonce, capture_hold.nonce, capture_hold.amount,
            coalesce(capture_hold.final, TRUE), capture_hold.metadata
        );
        IF v_recorded.entry_id IS NOT NULL THEN
            RETURN v_recorded;
        END IF;
    END IF;

    SELECT holder_id, asset INTO v_account
    FROM ledger_core.hold_account(capture_hold.app, capture_hold.hold_nonce, capture_hold.owner_id);
    IF NOT FOUND THEN
        PERFORM ledger_core.refuse_hold(capture_hold.app, capture_hold.hold_nonce, capture_hold.owner_id);
    END IF;
    RETURN ledger_core.spend_hold(
        v_account.holder_id, v_account.asset, capture_hold.app, capture_hold.hold_nonce, capture_hold.nonce,
        capture_hold.amount, coalesce(capture_hold.final, TRUE), capture_hold.metadata,
        coalesce(capture_hold.beyond, 'refuse'), capture_hold.quantity
    );
END
$$;

COMMENT ON FUNCTION ledger.capture_hold IS
'Spends what a hold reserved: records an entry of the hold''s operation under a nonce of its own, and returns it.
amount: a positive number of whole units; null takes all that the hold still reserves. quantity: how much was used, in place of
amount: at the price that the hold was placed at if that was by quantity, or else at that of now. final: ends the hold and
gives back the rest; with false further captures may follow until nothing is left. owner_id: whose hold it must be; with
partitions, it tells where the hold is. Null: the nonce says it.
beyond: what to do with more than the hold reserves. refuse it; available: take the rest from what is available, or refuse the
whole (LG301); debt: record it in full, down to the operation''s max_debt below the floor, or refuse the whole. Such a capture
ends the hold, and all captures of a hold stay within the bounds of the operation. overdrawn in the answer is null if
the hold reserved enough, false if the rest was available, and true if it left a debt. A retry may say another beyond, as long
as what was recorded is allowed by it.
Raises LG001, LG002, LG101, LG105, LG201, LG301, LG303, LG304 once the hold was captured, released or expired, LG307, LG311,
LG401.';
