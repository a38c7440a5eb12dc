-- requires: functions/core/allowances/end_allowance
CREATE OR REPLACE FUNCTION ledger_core.end_allowance_by_hand(
    owner_id text,
    asset text,
    app text,
    allowance_nonce text,
    actor text,
    reason text,
    at timestamptz,
    forfeit boolean
)
RETURNS ledger.allowance
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_allowance ledger.allowance;
    v_event ledger.allowance_events;
    v_before jsonb;
BEGIN
    v_allowance := ledger_core.end_allowance(
        end_allowance_by_hand.owner_id, end_allowance_by_hand.asset, end_allowance_by_hand.app,
        end_allowance_by_hand.allowance_nonce, end_allowance_by_hand.at, end_allowance_by_hand.forfeit
    );
    IF v_allowance.replayed THEN
        RETURN v_allowance;
    END IF;

    -- The line that this has added, and the one before it.
    SELECT * INTO STRICT v_event
    FROM ledger.allowance_events
    WHERE owner_id = end_allowance_by_hand.owner_id AND asset = end_allowance_by_hand.asset
    ORDER BY event_seq DESC
    LIMIT 1;
    SELECT allowance -> 'ends_at' INTO STRICT v_before
    FROM ledger.allowance_events
    WHERE owner_id = end_allowance_by_hand.owner_id AND asset = end_allowance_by_hand.asset
        AND app = end_allowance_by_hand.app AND allowance_nonce = end_allowance_by_hand.allowance_nonce
        AND event_seq < v_event.event_seq
    ORDER BY event_seq DESC
    LIMIT 1;
    PERFORM ledger_core.journal_action(
        end_allowance_by_hand.owner_id, end_allowance_by_hand.asset, 'end_allowance', end_allowance_by_hand.actor,
        end_allowance_by_hand.reason, v_event.happened_at, v_event.seq,
        jsonb_build_object(
            'app', v_event.app, 'allowance_nonce', v_event.allowance_nonce, 'ends_at', v_before
        ),
        jsonb_build_object(
            'app', v_event.app, 'allowance_nonce', v_event.allowance_nonce, 'ends_at', v_event.allowance -> 'ends_at'
        )
    );
    RETURN v_allowance;
END
$$;

COMMENT ON FUNCTION ledger_core.end_allowance_by_hand IS
'Ends an allowance of the account as ledger_core.end_allowance does, and adds that to the operator actions unless nothing has
changed. Raises LG001, LG306.';
