CREATE OR REPLACE FUNCTION ledger_core.share_claims(owner_id text, asset text, to_owner_id text)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_claim ledger.claims;
BEGIN
    -- In the order of the key, as everywhere.
    FOR v_claim IN
        SELECT * FROM ledger.claims
        WHERE subject = share_claims.owner_id AND subject_kind = 'owner' AND asset = share_claims.asset
        ORDER BY operation, scope_app, period_start, slot
    LOOP
        INSERT INTO ledger.claims (
            operation, subject_kind, subject, scope_app, period_start, slot, owner_id, asset, seq
        )
        SELECT
            v_claim.operation, 'owner', share_claims.to_owner_id, v_claim.scope_app, v_claim.period_start,
            slots.slot, v_claim.owner_id, v_claim.asset, v_claim.seq
        FROM generate_series(1, 1000000) AS slots (slot)
        WHERE NOT EXISTS (
            SELECT 1 FROM ledger.claims AS taken
            WHERE taken.operation = v_claim.operation AND taken.subject_kind = 'owner'
                AND taken.subject = share_claims.to_owner_id AND taken.scope_app = v_claim.scope_app
                AND taken.period_start = v_claim.period_start AND taken.slot = slots.slot
        )
        LIMIT 1;
    END LOOP;
END
$$;

COMMENT ON FUNCTION ledger_core.share_claims IS
'Takes the slots that an owner has claimed for another owner as well, each for the entry that took it: the first that is free,
also beyond the limit.';
