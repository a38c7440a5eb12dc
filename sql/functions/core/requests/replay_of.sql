-- requires: dropped/0.1_answers
-- requires: functions/core/requests/uses_of_nonce
-- For everything that records an entry; ledger_core.replay_of_hold is for holds. Entries and holds of an app share their
-- nonces.
CREATE OR REPLACE FUNCTION ledger_core.replay_of(request ledger.entries)
RETURNS ledger.recorded_row
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_kept ledger.entries;
BEGIN
    SELECT * INTO v_kept
    FROM ledger.entries
    WHERE owner_id = request.owner_id AND app = request.app AND nonce = request.nonce;
    IF NOT FOUND THEN
        IF EXISTS (SELECT 1 FROM ledger_core.uses_of_nonce(request.app, request.nonce)) THEN
            PERFORM ledger_core.refuse_nonce(request.app, request.nonce);
        END IF;
        RETURN NULL;
    END IF;

    IF NOT ledger_core.is_same_request(v_kept, request) THEN
        PERFORM ledger_core.refuse_nonce(request.app, request.nonce);
    END IF;
    RETURN ledger_core.as_recorded(v_kept, TRUE);
END
$$;

COMMENT ON FUNCTION ledger_core.replay_of IS
'The entry that this very request recorded before, or null if its nonce is unused. request: the entry as it would be
recorded, with amount_defaulted where the request names no amount, and expires_at as the request gives it.
Raises LG201 if the nonce was used by a different request: a hold, or an entry of another owner.';
