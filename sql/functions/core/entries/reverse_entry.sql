CREATE OR REPLACE FUNCTION ledger_core.reverse_entry(
    owner_id text,
    asset text,
    app text,
    nonce text,
    original_seq bigint,
    amount bigint,
    metadata jsonb,
    free_claim boolean
)
RETURNS ledger.recorded_entry
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_account ledger_core.account_state := ledger_core.lock_account(reverse_entry.owner_id, reverse_entry.asset);
    v_original record;
    v_reversed bigint;
    v_expired bigint;
    v_reversible bigint;
    v_amount bigint;
    v_entry ledger.entries;
    v_recorded ledger.recorded_entry;
BEGIN
    SELECT nonce, amount, expires_at, reverses_seq, -sign(amount)::bigint AS direction INTO STRICT v_original
    FROM ledger.entries
    WHERE owner_id = reverse_entry.owner_id AND asset = reverse_entry.asset AND seq = reverse_entry.original_seq;
    v_entry.owner_id := reverse_entry.owner_id;
    v_entry.asset := reverse_entry.asset;
    v_entry.app := reverse_entry.app;
    v_entry.operation := 'REVERSAL';
    v_entry.nonce := reverse_entry.nonce;
    v_entry.amount := v_original.direction * ledger_core.within_amounts(reverse_entry.amount);
    v_entry.amount_defaulted := reverse_entry.amount IS NULL;
    v_entry.expiry_defaulted := FALSE;
    v_entry.metadata := reverse_entry.metadata;
    v_entry.reverses_seq := reverse_entry.original_seq;
    v_entry.frees_claim := reverse_entry.free_claim;
    v_recorded := ledger_core.replay_of(v_entry);
    IF v_recorded.entry_id IS NOT NULL THEN
        RETURN v_recorded;
    END IF;

    IF v_account.frozen_at IS NOT NULL THEN
        PERFORM ledger_core.refuse_frozen(reverse_entry.owner_id, reverse_entry.asset, v_account.frozen_at);
    END IF;

    IF v_original.reverses_seq IS NOT NULL THEN
        PERFORM ledger_core.refuse(
            'invalid_request',
            jsonb_build_object('field', 'original_nonce', 'reason', 'is itself a reversal', 'original_nonce', v_original.nonce),
            'Record a new entry instead.'
        );
    END IF;
    SELECT coalesce(sum(abs(amount)), 0) INTO v_reversed
    FROM ledger.entries
    WHERE owner_id = reverse_entry.owner_id AND asset = reverse_entry.asset AND reverses_seq = reverse_entry.original_seq;
    v_expired := CASE
        WHEN v_original.expires_at IS NULL THEN 0
        ELSE ledger_core.expired_of_lot(reverse_entry.owner_id, reverse_entry.asset, reverse_entry.original_seq)
    END;
    v_reversible := greatest(abs(v_original.amount) - v_reversed - v_expired, 0);
    v_amount := coalesce(reverse_entry.amount, v_reversible);
    IF reverse_entry.amount < 1 THEN
        PERFORM ledger_core.refuse(
            'amount_out_of_bounds',
            jsonb_build_object('amount', reverse_entry.amount, 'min_amount', 1, 'max_amount', v_reversible),
            'The amount of a reversal is a positive number: how much of the original to take back.'
        );
    ELSIF v_amount > v_reversible OR v_reversible = 0 THEN
        PERFORM ledger_core.refuse('reversal_exceeds_original', jsonb_build_object(
            'original_nonce', v_original.nonce, 'original_amount', v_original.amount, 'amount', v_amount,
            'reversed', v_reversed, 'expired', v_expired, 'reversible', v_reversible
        ));
    ELSIF reverse_entry.free_claim AND v_amount + v_reversed <> abs(v_original.amount) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'free_claim', 'reason', 'goes with the reversal of the whole entry only'
        ));
    ELSIF v_original.amount > 0 THEN
        PERFORM ledger_core.check_floor(reverse_entry.owner_id, reverse_entry.asset, v_account, v_amount);
    END IF;

    v_entry.amount := v_original.direction * v_amount;
    v_entry.recorded_at := v_account.now;
    v_recorded := ledger_core.write_entry(v_entry);
    IF v_original.amount > 0 THEN
        PERFORM ledger_core.reverse_credit(
            reverse_entry.owner_id, reverse_entry.asset, v_recorded.seq, reverse_entry.original_seq, v_amount
        );
    ELSE
        PERFORM ledger_core.reverse_debit(
            reverse_entry.owner_id, reverse_entry.asset, v_recorded.seq, reverse_entry.original_seq, v_amount,
            v_reversible - v_amount, v_recorded.balance
        );
        PERFORM ledger_core.expire_lots(reverse_entry.owner_id, reverse_entry.asset, v_account.now);
    END IF;
    IF reverse_entry.free_claim THEN
        DELETE FROM ledger.claims
        WHERE owner_id = reverse_entry.owner_id AND asset = reverse_entry.asset AND seq = reverse_entry.original_seq;
    END IF;
    PERFORM ledger_core.note_next_due(reverse_entry.owner_id, reverse_entry.asset);
    RETURN v_recorded;
END
$$;

COMMENT ON FUNCTION ledger_core.reverse_entry IS
'Takes back amount (positive; null: all that is left) of the account''s entry original_seq.
Raises LG001, LG002, LG201, LG301, LG303, LG305.';
