-- requires: functions/core/allowances/as_allowance, functions/core/requests/uses_of_nonce
CREATE OR REPLACE FUNCTION ledger_core.replay_of_allowance(
    owner_id text, app text, nonce text, allowance_nonce text, request jsonb, now timestamptz, is_frozen boolean
)
RETURNS ledger.allowance
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_kept jsonb;
    v_allowance ledger.allowances;
BEGIN
    SELECT request INTO v_kept
    FROM ledger.allowance_events
    WHERE owner_id = replay_of_allowance.owner_id AND app = replay_of_allowance.app
        AND nonce = replay_of_allowance.nonce AND allowance_nonce = replay_of_allowance.allowance_nonce;
    IF v_kept = replay_of_allowance.request THEN
        SELECT * INTO STRICT v_allowance
        FROM ledger.allowances
        WHERE owner_id = replay_of_allowance.owner_id AND app = replay_of_allowance.app
            AND nonce = replay_of_allowance.allowance_nonce;
        RETURN ledger_core.as_allowance(
            v_allowance, replay_of_allowance.now, replay_of_allowance.is_frozen, TRUE
        );
    ELSIF EXISTS (SELECT 1 FROM ledger_core.uses_of_nonce(replay_of_allowance.app, replay_of_allowance.nonce)) THEN
        PERFORM ledger_core.refuse_nonce(replay_of_allowance.app, replay_of_allowance.nonce);
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION ledger_core.replay_of_allowance IS
'The allowance, as it is now, of which this very request was made before, or null if its nonce is unused.
Raises LG201 if the nonce was used by a different request.';
