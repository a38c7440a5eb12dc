-- requires: functions/core/allowances/as_allowance, functions/core/journals/journal_allowance
CREATE OR REPLACE FUNCTION ledger_core.end_allowance(
    owner_id text, asset text, app text, allowance_nonce text, at timestamptz, forfeit boolean
)
RETURNS ledger.allowance
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_account ledger_core.account_state := ledger_core.lock_account(end_allowance.owner_id, end_allowance.asset);
    v_ends_at timestamptz := greatest(end_allowance.at, v_account.now);
    v_is_frozen boolean := v_account.frozen_at IS NOT NULL;
    v_allowance ledger.allowances;
    v_changed ledger.allowances;
    v_has_ended boolean;
    v_next integer;
    v_left bigint;
    v_seq bigint;
BEGIN
    SELECT * INTO STRICT v_allowance
    FROM ledger.allowances
    WHERE owner_id = end_allowance.owner_id AND app = end_allowance.app AND nonce = end_allowance.allowance_nonce;
    IF end_allowance.forfeit THEN
        v_left := ledger_core.left_of_allowance(v_allowance);
    END IF;
    v_next := greatest(
        v_allowance.next_occurrence,
        ledger_core.occurrence_at(v_allowance, v_account.now) + CASE WHEN v_is_frozen THEN 0 ELSE 1 END
    );
    v_changed := v_allowance;
    v_changed.ends_at := CASE WHEN v_ends_at < 'infinity' THEN v_ends_at END;
    v_has_ended := v_allowance.ends_at <= v_account.now
        OR v_next >= coalesce(v_allowance.occurrences, CASE WHEN v_allowance.period IS NULL THEN 1 END);
    IF v_has_ended THEN
        v_changed := v_allowance;
    END IF;
    IF v_has_ended AND v_allowance.ends_at < end_allowance.at THEN
        PERFORM ledger_core.refuse_ended(v_allowance);
    END IF;
    IF v_changed.ends_at IS NOT DISTINCT FROM v_allowance.ends_at AND coalesce(v_left, 0) = 0 THEN
        RETURN ledger_core.as_allowance(v_allowance, v_account.now, v_is_frozen, TRUE);
    ELSIF end_allowance.forfeit AND v_ends_at > v_account.now THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'forfeit', 'reason', 'is possible at once only: leave at out'
        ));
    END IF;

    IF v_is_frozen OR NOT ledger_core.is_granted(v_changed, v_next) THEN
        v_changed.next_at := 'infinity';
    ELSIF v_changed.next_at = 'infinity' THEN
        v_changed.next_at := ledger_core.next_boundary(v_changed);
    END IF;
    v_allowance := v_changed;
    UPDATE ledger.allowances SET ends_at = v_allowance.ends_at, next_at = v_allowance.next_at
    WHERE owner_id = end_allowance.owner_id AND app = end_allowance.app AND nonce = end_allowance.allowance_nonce;
    IF v_left > 0 THEN
        v_seq := ledger_core.forfeit_allowance(v_allowance, v_left, v_account.now);
    END IF;
    PERFORM ledger_core.journal_allowance(
        v_allowance, 'ended', v_account.now, NULL,
        jsonb_build_object('at', ledger_core.json_time(end_allowance.at), 'forfeit', end_allowance.forfeit),
        v_account.last_seq, v_seq
    );
    PERFORM ledger_core.note_next_due(end_allowance.owner_id, end_allowance.asset);
    RETURN ledger_core.as_allowance(v_allowance, v_account.now, v_is_frozen, FALSE);
END
$$;

COMMENT ON FUNCTION ledger_core.end_allowance IS
'Ends an allowance of the account at a time (null, or past: now; infinity: not any more). forfeit: takes what is left of it, too.
An allowance that has ended, or will end then, is returned as it is. Raises LG001, LG306.';
