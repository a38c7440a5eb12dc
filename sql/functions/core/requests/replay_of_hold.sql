-- requires: dropped/0.1_answers
-- requires: functions/core/requests/uses_of_nonce, functions/core/holds/growth_of_hold, functions/core/holds/as_hold
CREATE OR REPLACE FUNCTION ledger_core.replay_of_hold(request ledger.holds)
RETURNS ledger.hold_row
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_kept ledger.holds;
BEGIN
    SELECT * INTO v_kept
    FROM ledger.holds
    WHERE owner_id = request.owner_id AND app = request.app AND nonce = request.nonce;
    IF NOT FOUND THEN
        IF EXISTS (SELECT 1 FROM ledger_core.uses_of_nonce(request.app, request.nonce)) THEN
            PERFORM ledger_core.refuse_nonce(request.app, request.nonce);
        END IF;
        RETURN NULL;
    END IF;

    -- As lives: intervals are equal by months of 30 days, and a month is not 30 days.
    IF (v_kept.operation, v_kept.metadata, v_kept.spender, v_kept.quantity)
        IS DISTINCT FROM (request.operation, request.metadata, request.spender, request.quantity)
        -- The price of a quantity may have changed since.
        OR (request.quantity IS NULL AND v_kept.amount - ledger_core.growth_of_hold(v_kept) <> request.amount)
        OR ledger_core.add_interval_in_utc(v_kept.placed_at, v_kept.expires_in)
        <> ledger_core.add_interval_in_utc(v_kept.placed_at, request.expires_in)
    THEN
        PERFORM ledger_core.refuse_nonce(request.app, request.nonce);
    END IF;
    RETURN ledger_core.as_hold(v_kept, TRUE);
END
$$;

COMMENT ON FUNCTION ledger_core.replay_of_hold IS
'The hold that this very request placed before, as it is now, or null if its nonce is unused. request: the hold as it would
be placed. Raises LG201 if the nonce was used by a different request: an entry, or a hold of another owner.';
