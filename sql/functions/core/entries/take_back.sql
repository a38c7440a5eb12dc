-- requires: dropped/0.1_answers
CREATE OR REPLACE FUNCTION ledger_core.take_back(
    app text,
    nonce text,
    original_nonce text,
    amount bigint,
    metadata jsonb,
    free_claim boolean,
    by_hand boolean
)
RETURNS ledger.recorded_row
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_original record;
    v_pair ledger_core.account_pair;
    v_account ledger_core.account_state;
    v_peer ledger_core.account_state;
    v_side record;
    v_reversed bigint;
    v_expired bigint;
    v_reversible bigint;
    v_amount bigint;
    v_entry ledger.entries;
    v_recorded ledger.recorded_row;
BEGIN
    SELECT
        owner_id, asset, seq, nonce, amount, expires_at, reverses_seq, spender, peer_owner_id, peer_seq,
        -sign(amount)::bigint AS direction
    INTO v_original
    FROM ledger.entries
    WHERE app = take_back.app AND nonce = take_back.original_nonce;
    IF NOT FOUND THEN
        PERFORM ledger_core.refuse('entry_not_found', jsonb_build_object(
            'app', take_back.app, 'original_nonce', take_back.original_nonce
        ));
    END IF;
    IF v_original.peer_owner_id IS NULL THEN
        v_account := ledger_core.lock_account(v_original.owner_id, v_original.asset);
    ELSE
        PERFORM ledger_core.check_nonce_of_parts(take_back.nonce);
        v_pair := ledger_core.lock_pair(v_original.owner_id, v_original.peer_owner_id, v_original.asset);
        v_account := v_pair.own;
        v_peer := v_pair.peer;
    END IF;
    v_entry.owner_id := v_original.owner_id;
    v_entry.asset := v_original.asset;
    v_entry.app := take_back.app;
    v_entry.nonce := take_back.nonce;
    v_entry.metadata := take_back.metadata;
    v_entry.spender := v_original.spender;
    v_entry.reverses_seq := v_original.seq;
    v_entry.peer_owner_id := v_original.peer_owner_id;
    v_entry.frees_claim := coalesce(take_back.free_claim, FALSE);
    v_entry.operation := 'REVERSAL';
    v_entry.amount := v_original.direction * ledger_core.within_amounts(take_back.amount);
    v_entry.amount_defaulted := take_back.amount IS NULL;
    v_entry.expiry_defaulted := FALSE;
    v_recorded := ledger_core.replay_of(v_entry);
    IF v_recorded.entry_id IS NOT NULL THEN
        RETURN v_recorded;
    END IF;

    FOR v_side IN
        SELECT v_original.owner_id AS owner_id, v_account.frozen_at AS frozen_at
        UNION ALL
        SELECT v_original.peer_owner_id, v_peer.frozen_at
    LOOP
        IF v_side.frozen_at IS NOT NULL AND take_back.by_hand THEN
            PERFORM ledger_core.check_not_moved(v_side.owner_id, v_original.asset);
        ELSIF v_side.frozen_at IS NOT NULL THEN
            PERFORM ledger_core.refuse_frozen(v_side.owner_id, v_original.asset, v_side.frozen_at);
        END IF;
    END LOOP;

    IF v_original.reverses_seq IS NOT NULL THEN
        PERFORM ledger_core.refuse(
            'invalid_request',
            jsonb_build_object('field', 'original_nonce', 'reason', 'is itself a reversal', 'original_nonce', v_original.nonce),
            'Record a new entry instead.'
        );
    ELSIF v_original.peer_owner_id IS NOT NULL AND v_original.amount > 0 THEN
        PERFORM ledger_core.refuse(
            'invalid_request',
            jsonb_build_object(
                'field', 'original_nonce', 'reason', 'is what a transfer brought', 'original_nonce', v_original.nonce,
                'transfer_nonce', (
                    SELECT nonce FROM ledger.entries
                    WHERE owner_id = v_original.peer_owner_id AND asset = v_original.asset AND seq = v_original.peer_seq
                )
            ),
            'Reverse the transfer by its own nonce, which takes back both sides.'
        );
    END IF;
    SELECT coalesce(sum(abs(amount)), 0) INTO v_reversed
    FROM ledger.entries
    WHERE owner_id = v_original.owner_id AND asset = v_original.asset AND reverses_seq = v_original.seq;
    v_expired := CASE
        WHEN v_original.expires_at IS NULL THEN 0
        ELSE ledger_core.expired_of_lot(v_original.owner_id, v_original.asset, v_original.seq)
    END;
    v_reversible := greatest(abs(v_original.amount) - v_reversed - v_expired, 0);
    IF v_original.peer_owner_id IS NOT NULL THEN
        -- What has expired at the receiver
        SELECT v_reversible - coalesce(sum(amount), 0)::bigint INTO v_expired
        FROM ledger_core.reversible_parts(v_original.owner_id, v_original.asset, v_original.seq);
        v_reversible := v_reversible - v_expired;
    END IF;
    v_amount := coalesce(take_back.amount, v_reversible);
    IF take_back.amount < 1 THEN
        PERFORM ledger_core.refuse(
            'amount_out_of_bounds',
            jsonb_build_object('amount', take_back.amount, 'min_amount', 1, 'max_amount', v_reversible),
            'The amount of a reversal is a positive number: how much of the original to take back.'
        );
    ELSIF v_amount > v_reversible OR v_reversible = 0 THEN
        PERFORM ledger_core.refuse('reversal_exceeds_original', jsonb_build_object(
            'original_nonce', v_original.nonce, 'original_amount', v_original.amount, 'amount', v_amount,
            'reversed', v_reversed, 'expired', v_expired, 'reversible', v_reversible
        ));
    ELSIF v_entry.frees_claim AND v_amount + v_reversed <> abs(v_original.amount) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'free_claim', 'reason', 'is possible only if the whole entry is reversed'
        ));
    ELSIF v_original.amount > 0 THEN
        PERFORM ledger_core.check_available(v_original.owner_id, v_original.asset, v_account, v_amount, NULL, NULL);
    ELSIF v_original.peer_owner_id IS NOT NULL THEN
        PERFORM ledger_core.check_available(
            v_original.peer_owner_id, v_original.asset, v_peer, v_amount, NULL, NULL
        );
        v_entry.peer_seq := v_peer.last_seq + 1;
    END IF;

    v_entry.amount := v_original.direction * v_amount;
    v_entry.recorded_at := v_account.now;
    v_recorded := ledger_core.write_entry(v_entry);
    IF v_original.amount > 0 THEN
        PERFORM ledger_core.reverse_grant(
            v_original.owner_id, v_original.asset, v_recorded.seq, v_original.seq, v_amount,
            v_account.balance - v_account.held
        );
    ELSE
        IF v_original.peer_owner_id IS NULL THEN
            PERFORM ledger_core.reverse_debit(
                v_original.owner_id, v_original.asset, v_recorded.seq, v_original.seq, v_amount,
                v_reversible - v_amount, v_recorded.balance
            );
        ELSE
            PERFORM ledger_core.reverse_sent(
                v_original.owner_id, v_original.asset, v_recorded.seq, v_original.seq, v_original.peer_owner_id, v_amount,
                v_recorded.balance
            );
        END IF;
        PERFORM ledger_core.expire_lots(v_original.owner_id, v_original.asset, v_account.now);
        PERFORM ledger_core.give_back_to_budgets(v_original.owner_id, v_original.asset, v_original.seq, v_amount);
    END IF;
    IF v_original.peer_owner_id IS NOT NULL THEN
        v_entry.seq := v_recorded.seq;
        PERFORM ledger_core.take_back_parts(v_entry, v_original.seq, v_peer);
    END IF;
    IF v_entry.frees_claim THEN
        PERFORM ledger_core.free_claims(v_original.owner_id, v_original.asset, v_original.seq);
    END IF;
    PERFORM ledger_core.note_next_due(v_original.owner_id, v_original.asset);
    RETURN v_recorded;
END
$$;

COMMENT ON FUNCTION ledger_core.take_back IS
'Takes back amount (positive; null: all that is left) of the app''s entry original_nonce; of a transfer, on both sides.
by_hand: also on a frozen account. Raises LG001, LG002, LG104, LG201, LG301, LG303, LG305, LG308.';
