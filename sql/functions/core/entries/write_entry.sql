-- The one place that writes a single entry: the account's row and the entry, chained by hash.
--
-- Guarded, it is the whole fast path: one UPDATE that locks the account, checks it and writes it, for
-- accounts that have nothing due, no lots and no holds. It changes nothing and returns null if the
-- account is not of that kind, does not exist, would fall below its floor, or if the nonce is taken:
-- ledger_core.record_entry then goes step by step. Unguarded, the caller holds the account's lock
-- (ledger_core.lock_account) and has checked everything but the nonce.
CREATE OR REPLACE FUNCTION ledger_core.write_entry(
    owner_id text,
    asset text,
    app text,
    operation text,
    nonce text,
    amount bigint,
    recorded_at timestamptz,
    guarded boolean,
    amount_defaulted boolean DEFAULT FALSE,
    expiry_defaulted boolean DEFAULT FALSE,
    metadata jsonb DEFAULT NULL,
    expires_at timestamptz DEFAULT NULL,
    claim_subject text DEFAULT NULL,
    hold_nonce text DEFAULT NULL,
    hold_final boolean DEFAULT NULL,
    reverses_seq bigint DEFAULT NULL,
    frees_claim boolean DEFAULT NULL,
    claim_slot integer DEFAULT NULL,
    subject_slot integer DEFAULT NULL
)
RETURNS ledger.recorded_entry
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_entry_id bigint := nextval('ledger_core.entry_ids');
    v_xact_id xid8;
    v_now timestamptz;
    v_seq bigint;
    v_balance bigint;
    v_recorded_at timestamptz;
    v_hash bytea;
BEGIN
    -- Many callers on one row lock wake each other badly. A queue before it is markedly faster; it is no
    -- guard. Only a transaction that has not written yet takes a place, so that none ever holds many.
    IF guarded AND pg_current_xact_id_if_assigned() IS NULL THEN
        PERFORM pg_advisory_xact_lock(hashtextextended(write_entry.owner_id, 0));
    END IF;
    v_xact_id := pg_current_xact_id();
    v_now := coalesce(write_entry.recorded_at, clock_timestamp());

    UPDATE ledger.accounts
    SET
        balance = balance + write_entry.amount,
        last_seq = last_seq + 1,
        last_entry_at = greatest(last_entry_at, v_now),
        head_hash = ledger_core.chain_hash(head_hash, ledger_core.entry_bytes(
            last_seq + 1, v_entry_id, write_entry.amount, balance + write_entry.amount, greatest(last_entry_at, v_now),
            v_xact_id, write_entry.owner_id, write_entry.asset, write_entry.app, write_entry.operation,
            write_entry.nonce, write_entry.amount_defaulted, write_entry.expiry_defaulted, write_entry.metadata,
            write_entry.expires_at, write_entry.claim_subject, write_entry.hold_nonce, write_entry.hold_final,
            write_entry.reverses_seq, write_entry.frees_claim, write_entry.claim_slot, write_entry.subject_slot
        ))
    WHERE owner_id = write_entry.owner_id AND asset = write_entry.asset
        AND balance + write_entry.amount <= 9007199254740991
        AND (
            NOT guarded
            OR (
                next_due_at = 'infinity' AND frozen_at IS NULL
                AND (write_entry.amount >= 0 OR balance - held + write_entry.amount >= min_balance)
            )
        )
    RETURNING last_seq, balance, last_entry_at, head_hash INTO v_seq, v_balance, v_recorded_at, v_hash;
    IF NOT FOUND THEN
        IF guarded THEN
            RETURN NULL;
        END IF;
        PERFORM ledger_core.refuse(
            'amount_out_of_bounds',
            jsonb_build_object('amount', write_entry.amount, 'max_balance', 9007199254740991),
            'A balance cannot pass 9007199254740991 (2^53 - 1).'
        );
    END IF;

    INSERT INTO ledger.entries (
        owner_id, asset, seq, entry_id, app, operation, amount, balance_after, nonce, amount_defaulted, expiry_defaulted,
        metadata, expires_at, claim_subject, hold_nonce, hold_final, reverses_seq, frees_claim, claim_slot,
        subject_slot, recorded_at, xact_id, hash
    )
    SELECT
        write_entry.owner_id, write_entry.asset, v_seq, v_entry_id, write_entry.app, write_entry.operation,
        write_entry.amount, v_balance, write_entry.nonce, write_entry.amount_defaulted, write_entry.expiry_defaulted,
        write_entry.metadata, write_entry.expires_at, write_entry.claim_subject, write_entry.hold_nonce,
        write_entry.hold_final, write_entry.reverses_seq, write_entry.frees_claim, write_entry.claim_slot,
        write_entry.subject_slot, v_recorded_at, v_xact_id, v_hash
    WHERE NOT EXISTS (
        SELECT 1 FROM ledger.holds
        WHERE holds.owner_id = write_entry.owner_id AND holds.app = write_entry.app AND holds.nonce = write_entry.nonce
    )
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        RETURN (
            v_entry_id, v_seq, write_entry.owner_id, write_entry.asset, write_entry.app, write_entry.operation,
            write_entry.amount, v_balance, write_entry.nonce, write_entry.metadata, write_entry.expires_at,
            write_entry.hold_nonce, write_entry.reverses_seq, v_recorded_at, FALSE
        )::ledger.recorded_entry;
    END IF;

    -- The nonce is taken. Guarded, put the account back as it was: cheaper than a savepoint in every call.
    IF NOT guarded THEN
        PERFORM ledger_core.refuse_nonce(write_entry.app, write_entry.nonce);
    END IF;
    SELECT hash, recorded_at INTO v_hash, v_recorded_at
    FROM ledger.entries
    WHERE owner_id = write_entry.owner_id AND asset = write_entry.asset AND seq = v_seq - 1;
    UPDATE ledger.accounts
    SET
        balance = v_balance - write_entry.amount,
        last_seq = v_seq - 1,
        last_entry_at = coalesce(v_recorded_at, '-infinity'),
        head_hash = coalesce(v_hash, decode(repeat('00', 32), 'hex'))
    WHERE owner_id = write_entry.owner_id AND asset = write_entry.asset;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION ledger_core.write_entry IS
'Records one entry; amount is signed. Guarded: the fast path, null if it does not apply (see the file). Unguarded: raises LG201 if the nonce is taken, LG002 if the balance would pass 2^53 - 1.';
