-- requires: functions/core/allowances/as_allowance, functions/core/journals/journal_allowance
CREATE OR REPLACE FUNCTION ledger_core.change_allowance(
    owner_id text, asset text, app text, allowance_nonce text, nonce text, amount bigint, from_next_period boolean
)
RETURNS ledger.allowance
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_account ledger_core.account_state := ledger_core.lock_account(change_allowance.owner_id, change_allowance.asset);
    v_request jsonb := jsonb_build_object(
        'amount', change_allowance.amount, 'from_next_period', change_allowance.from_next_period
    );
    v_allowance ledger.allowances;
    v_replay ledger.allowance;
    v_expires_at timestamptz;
    v_more bigint := 0;
    v_seq bigint;
BEGIN
    v_replay := ledger_core.replay_of_allowance(
        change_allowance.owner_id, change_allowance.app, change_allowance.nonce, change_allowance.allowance_nonce, v_request,
        v_account.now, v_account.frozen_at IS NOT NULL
    );
    IF v_replay.nonce IS NOT NULL THEN
        RETURN v_replay;
    ELSIF v_account.frozen_at IS NOT NULL THEN
        PERFORM ledger_core.refuse_frozen(change_allowance.owner_id, change_allowance.asset, v_account.frozen_at);
    END IF;
    SELECT * INTO STRICT v_allowance
    FROM ledger.allowances
    WHERE owner_id = change_allowance.owner_id AND app = change_allowance.app AND nonce = change_allowance.allowance_nonce;
    IF v_allowance.next_at = 'infinity' THEN
        PERFORM ledger_core.refuse_ended(v_allowance);
    END IF;
    PERFORM ledger_core.check_allowed(change_allowance.app, v_allowance.operation, change_allowance.amount, NULL);
    IF change_allowance.amount < 1 THEN
        PERFORM ledger_core.refuse(
            'invalid_request', jsonb_build_object('field', 'amount', 'reason', 'must be at least 1'),
            'For nothing more to come, use ledger.end_allowance.'
        );
    END IF;

    IF NOT change_allowance.from_next_period THEN
        SELECT entries.expires_at, change_allowance.amount - v_allowance.amount INTO v_expires_at, v_more
        FROM ledger.allowance_entries AS made
        INNER JOIN ledger.entries
            ON made.owner_id = entries.owner_id AND made.asset = entries.asset AND made.seq = entries.seq
        WHERE made.owner_id = change_allowance.owner_id AND made.app = change_allowance.app
            AND made.allowance_nonce = change_allowance.allowance_nonce
            AND made.occurrence = v_allowance.next_occurrence - 1 AND made.kind = 'granted'
            AND entries.owner_id = change_allowance.owner_id;
        IF v_more < 0 THEN
            PERFORM ledger_core.refuse(
                'invalid_request',
                jsonb_build_object(
                    'field', 'from_next_period', 'reason', 'must be true for less than now', 'amount', v_allowance.amount
                ),
                'What has come is the owner''s. A smaller amount can come from the next period on.'
            );
        END IF;
    END IF;
    v_allowance.amount := change_allowance.amount;
    UPDATE ledger.allowances SET amount = change_allowance.amount
    WHERE owner_id = change_allowance.owner_id AND app = change_allowance.app AND nonce = change_allowance.allowance_nonce;
    IF v_more > 0 THEN
        v_seq := ledger_core.record_from_allowance(
            v_allowance, 'raised', v_more, v_account.now, v_expires_at, v_allowance.next_occurrence - 1,
            change_allowance.nonce
        );
        PERFORM ledger_core.note_next_due(change_allowance.owner_id, change_allowance.asset);
    ELSE
        INSERT INTO ledger_core.nonces (app, nonce) VALUES (change_allowance.app, change_allowance.nonce)
        ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            PERFORM ledger_core.refuse_nonce(change_allowance.app, change_allowance.nonce);
        END IF;
    END IF;
    PERFORM ledger_core.journal_allowance(
        v_allowance, 'changed', v_account.now, change_allowance.nonce, v_request, v_account.last_seq, v_seq
    );
    RETURN ledger_core.as_allowance(v_allowance, v_account.now, FALSE, FALSE);
END
$$;

COMMENT ON FUNCTION ledger_core.change_allowance IS
'Changes what comes from an allowance of the account in each period. from_next_period: false adds what is more to the period
that it is now. Raises LG001, LG002, LG103, LG201, LG303, LG306.';
