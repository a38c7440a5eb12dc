-- requires: functions/core/reading/clock_events
CREATE OR REPLACE FUNCTION ledger_core.settle(owner_id text, asset text, until timestamptz)
RETURNS integer
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_event record;
    v_posted integer := 0;
    v_expired_at timestamptz := '-infinity';
    v_allowance ledger.allowances;
BEGIN
    FOR v_event IN
        SELECT events.*
        FROM ledger_core.clock_events(settle.owner_id, settle.asset, settle.until, settle.until)
            WITH ORDINALITY AS events (
                at, kind, amount, balance, held, seq, app, nonce, expires_at, free, operation, occurrence, number
            )
        ORDER BY events.number
    LOOP
        IF v_event.kind = 'hold_end' THEN
            PERFORM ledger_core.finish_hold(settle.owner_id, v_event.app, v_event.nonce, 'expired', v_event.at);
            PERFORM ledger_core.journal_hold(
                settle.owner_id, settle.asset, v_event.app, v_event.nonce, 'expired', v_event.at
            );
        ELSIF v_event.kind = 'expiry' THEN
            -- One entry for all that expires at this moment
            IF v_event.at > v_expired_at THEN
                v_posted := v_posted + ledger_core.expire_lots(settle.owner_id, settle.asset, v_event.at);
                v_expired_at := v_event.at;
            END IF;
        ELSE
            SELECT * INTO STRICT v_allowance
            FROM ledger.allowances
            WHERE owner_id = settle.owner_id AND app = v_event.app AND nonce = v_event.nonce;
            PERFORM ledger_core.record_from_allowance(
                v_allowance, CASE v_event.kind WHEN 'carry_over' THEN 'carried_over' ELSE 'granted' END,
                v_event.amount, v_event.at, v_event.expires_at, v_event.occurrence
            );
            v_posted := v_posted + 1;
        END IF;
    END LOOP;

    UPDATE ledger.allowances
    SET
        next_occurrence = CASE
            WHEN ledger_core.is_granted(allowances, coming.occurrence) THEN coming.occurrence
            -- It is over: where it has come to.
            ELSE coalesce(
                ledger_core.last_granted(allowances.owner_id, allowances.app, allowances.nonce) + 1, next_occurrence
            )
        END,
        next_at = CASE
            WHEN ledger_core.is_granted(allowances, coming.occurrence)
                THEN ledger_core.boundary(allowances, coming.occurrence)
            ELSE 'infinity'
        END
    FROM (
        SELECT
            due.app, due.nonce,
            ledger_core.next_ungranted(due, ledger_core.occurrence_at(due, settle.until) + 1) AS occurrence
        FROM ledger.allowances AS due
        WHERE due.owner_id = settle.owner_id AND due.asset = settle.asset AND due.next_at <= settle.until
    ) AS coming
    WHERE allowances.owner_id = settle.owner_id AND allowances.app = coming.app AND allowances.nonce = coming.nonce;
    PERFORM ledger_core.note_next_due(settle.owner_id, settle.asset);
    RETURN v_posted;
END
$$;

COMMENT ON FUNCTION ledger_core.settle IS
'Does what was due on a locked account by the given time (ledger_core.clock_events): closes holds, and records expiries and what
comes from allowances, each as of its moment. Returns the number of entries.';
