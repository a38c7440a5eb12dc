CREATE OR REPLACE FUNCTION ledger_core.claim_outcome(
    app text, owner_id text, nonce text, operation text, claim_subject text, claim_deadline timestamptz
)
RETURNS text
LANGUAGE plpgsql
SET lock_timeout = '1s'
AS $$
#variable_conflict use_column
DECLARE
    v_entry ledger.entries;
BEGIN
    LOOP
        SELECT * INTO v_entry
        FROM ledger.entries
        WHERE owner_id = claim_outcome.owner_id AND app = claim_outcome.app AND nonce = claim_outcome.nonce;
        IF v_entry.operation = coalesce(claim_outcome.operation, v_entry.operation)
            AND v_entry.claim_subject = coalesce(claim_outcome.claim_subject, v_entry.claim_subject)
        THEN
            RETURN CASE
                WHEN EXISTS (
                    SELECT 1 FROM ledger.entries
                    WHERE owner_id = v_entry.owner_id AND asset = v_entry.asset AND reverses_seq = v_entry.seq
                        AND frees_claim
                ) THEN 'freed'
                ELSE 'recorded'
            END;
        ELSIF EXISTS (SELECT 1 FROM ledger_core.uses_of_nonce(claim_outcome.app, claim_outcome.nonce)) THEN
            RETURN 'lapsed'; -- by something else, which has its nonce for ever
        ELSIF (claim_outcome.claim_deadline < ledger_core.clock()) IS NOT TRUE THEN
            RETURN 'open';
        END IF;

        -- A transaction that has passed the deadline's check, and has not ended, holds the nonce.
        BEGIN
            INSERT INTO ledger_core.nonces (app, nonce) VALUES (claim_outcome.app, claim_outcome.nonce)
            ON CONFLICT DO NOTHING;
            IF FOUND THEN
                RAISE serialization_failure USING MESSAGE = 'The nonce is free, and stays so.';
            END IF;
        EXCEPTION
            WHEN serialization_failure THEN
                RETURN 'lapsed';
            WHEN lock_not_available THEN
                RETURN 'open';
        END;
    END LOOP;
    RETURN NULL; -- never reached, which not every checker sees
END
$$;

COMMENT ON FUNCTION ledger_core.claim_outcome IS
'What became of a request of an owner who is kept here, for which another partition has reserved its claim_subject:
recorded; freed (recorded, and reversed with free_claim); lapsed (not recorded, and cannot be any more); open.';
