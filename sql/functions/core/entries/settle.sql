-- requires: functions/core/entries/next_event
CREATE OR REPLACE FUNCTION ledger_core.settle(owner_id text, asset text, until timestamptz)
RETURNS integer
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_due timestamptz;
    v_app text;
    v_nonce text;
    v_posted integer := 0;
BEGIN
    LOOP
        SELECT due_at INTO v_due FROM ledger_core.next_event(settle.owner_id, settle.asset);
        EXIT WHEN v_due > settle.until;
        -- Holds first: what they free may expire at the same moment.
        FOR v_app, v_nonce IN
            SELECT app, nonce FROM ledger.holds
            WHERE owner_id = settle.owner_id AND asset = settle.asset AND status = 'open' AND expires_at <= v_due
        LOOP
            PERFORM ledger_core.finish_hold(settle.owner_id, v_app, v_nonce, 'expired', v_due);
            PERFORM ledger_core.journal_hold(settle.owner_id, settle.asset, v_app, v_nonce, 'expired', v_due);
        END LOOP;
        v_posted := v_posted + ledger_core.expire_lots(settle.owner_id, settle.asset, v_due);
    END LOOP;
    PERFORM ledger_core.note_next_due(settle.owner_id, settle.asset);
    RETURN v_posted;
END
$$;

COMMENT ON FUNCTION ledger_core.settle IS
'Closes the holds and posts the expiries of a locked account that were due by the given time, each as of the moment at
which it was due. Returns the number of EXPIRY entries.';
