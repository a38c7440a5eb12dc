CREATE OR REPLACE FUNCTION ledger_core.free_claims(owner_id text, asset text, seq bigint)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_freed ledger.claims;
    v_moved ledger.claims;
BEGIN
    FOR v_freed IN
        DELETE FROM ledger.claims
        WHERE owner_id = free_claims.owner_id AND asset = free_claims.asset AND seq = free_claims.seq
        RETURNING *
    LOOP
        -- A claim that came with a moved account may be beyond the limit: it takes the slot.
        DELETE FROM ledger.claims
        WHERE operation = v_freed.operation AND subject_kind = v_freed.subject_kind AND subject = v_freed.subject
            AND scope_app = v_freed.scope_app AND period_start = v_freed.period_start
            AND slot = (
                SELECT max(others.slot)
                FROM ledger.claims AS others
                WHERE others.operation = v_freed.operation AND others.subject_kind = v_freed.subject_kind
                    AND others.subject = v_freed.subject AND others.scope_app = v_freed.scope_app
                    AND others.period_start = v_freed.period_start AND others.slot > v_freed.slot
                    AND others.subject_kind = 'owner' AND others.owner_id <> others.subject
            )
        RETURNING * INTO v_moved;
        IF FOUND THEN
            v_moved.slot := v_freed.slot;
            INSERT INTO ledger.claims VALUES (v_moved.*);
        END IF;
    END LOOP;
END
$$;

COMMENT ON FUNCTION ledger_core.free_claims IS
'Gives back the slots of claim limits that an entry took, so that they can be claimed again.';
