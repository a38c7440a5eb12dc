-- requires: functions/core/allowances/as_allowance, functions/core/journals/journal_allowance
CREATE OR REPLACE FUNCTION ledger_core.grant_allowance(allowance ledger.allowances, request jsonb)
RETURNS ledger.allowance
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_account ledger_core.account_state := ledger_core.lock_account(allowance.owner_id, allowance.asset);
    v_replay ledger.allowance;
    v_open integer;
    v_carried integer;
BEGIN
    v_replay := ledger_core.replay_of_allowance(
        allowance.owner_id, allowance.app, allowance.nonce, allowance.nonce, grant_allowance.request, v_account.now,
        v_account.frozen_at IS NOT NULL
    );
    IF v_replay.nonce IS NOT NULL THEN
        RETURN v_replay;
    ELSIF v_account.frozen_at IS NOT NULL THEN
        PERFORM ledger_core.refuse_frozen(allowance.owner_id, allowance.asset, v_account.frozen_at);
    END IF;
    PERFORM ledger_core.check_allowed(allowance.app, allowance.operation, allowance.amount, NULL);
    SELECT coalesce(allowance.amount, default_amount) INTO STRICT allowance.amount
    FROM ledger_core.rules_in_force
    WHERE app = allowance.app AND operation = allowance.operation;
    SELECT
        CASE WHEN allowance.period IS NULL THEN expires_after END, credit_class, priority, usable_for, usable_in
    INTO STRICT
        allowance.expires_after, allowance.credit_class, allowance.priority, allowance.usable_for, allowance.usable_in
    FROM ledger.operations
    WHERE operation = allowance.operation;
    IF allowance.amount < 1 OR EXISTS (
        SELECT 1 FROM ledger.operations WHERE operation = allowance.operation AND claim_limit IS NOT NULL
    ) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'operation', 'reason', 'cannot be an allowance: only a credit without claim limit can',
            'operation', allowance.operation, 'amount', allowance.amount
        ));
    END IF;
    IF allowance.starts_at IS NULL THEN
        allowance.starts_at := v_account.now;
    END IF;
    PERFORM ledger_core.check_allowance(allowance);
    -- The period that it is now comes now; those before it do not.
    allowance.next_occurrence := greatest(0, ledger_core.occurrence_at(allowance, v_account.now));
    allowance.next_at := greatest(allowance.starts_at, v_account.now);
    IF NOT ledger_core.is_granted(allowance, allowance.next_occurrence) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', CASE WHEN allowance.ends_at IS NULL THEN 'occurrences' ELSE 'ends_at' END,
            'reason', 'leaves nothing: all periods are over'
        ));
    END IF;
    SELECT count(*), coalesce(sum(carry_over_for) FILTER (WHERE carry_over_most > 0), 0) INTO v_open, v_carried
    FROM ledger.allowances
    WHERE owner_id = allowance.owner_id AND asset = allowance.asset AND next_at < 'infinity';
    IF v_open >= ledger_core.max_allowances() THEN
        PERFORM ledger_core.refuse(
            'invalid_request',
            jsonb_build_object(
                'field', 'owner_id',
                'reason', format('has %s allowances, and no owner can have more', ledger_core.max_allowances())
            ),
            'For one of them to end, use ledger.end_allowance.'
        );
    ELSIF allowance.carry_over_most > 0 AND v_carried + allowance.carry_over_for > ledger_core.max_carried_periods() THEN
        -- It is recorded in one call, once the account has slept so long.
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'carry_over_for',
            'reason', format(
                'adds up to %s periods with those of the owner''s other allowances, and no owner can have more than %s',
                v_carried + allowance.carry_over_for, ledger_core.max_carried_periods()
            )
        ));
    END IF;

    INSERT INTO ledger_core.nonces (app, nonce) VALUES (allowance.app, allowance.nonce) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        PERFORM ledger_core.refuse_nonce(allowance.app, allowance.nonce);
    END IF;
    INSERT INTO ledger.allowances SELECT allowance.*;
    PERFORM ledger_core.journal_allowance(
        allowance, 'granted', v_account.now, allowance.nonce, grant_allowance.request, v_account.last_seq, NULL
    );
    PERFORM ledger_core.note_next_due(allowance.owner_id, allowance.asset);
    IF allowance.next_at <= v_account.now THEN
        PERFORM ledger_core.settle(allowance.owner_id, allowance.asset, v_account.now);
        SELECT * INTO STRICT allowance
        FROM ledger.allowances
        WHERE owner_id = allowance.owner_id AND app = allowance.app AND nonce = allowance.nonce;
    END IF;
    RETURN ledger_core.as_allowance(allowance, v_account.now, FALSE, FALSE);
END
$$;

COMMENT ON FUNCTION ledger_core.grant_allowance IS
'Adds an allowance to an account; what is due of it comes at once. allowance: as asked for, starts_at and amount null for their
defaults. request: what a retry has to say again. Raises LG001, LG002, LG102, LG103, LG201, LG303, LG311.';
