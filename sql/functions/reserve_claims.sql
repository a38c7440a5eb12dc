-- requires: functions/core/batches/batch_refusal
CREATE OR REPLACE FUNCTION ledger.reserve_claims(app text, claims jsonb)
RETURNS TABLE ("position" integer, claim_deadline timestamptz, code text, message text, detail jsonb, hint text)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_claim record;
    v_refusal ledger.batch_row;
    v_sqlstate text;
    v_message text;
    v_detail text;
    v_hint text;
BEGIN
    PERFORM ledger_core.check_claims(reserve_claims.claims);
    PERFORM ledger_core.check_authorized(reserve_claims.app);
    -- Slots are taken in the order of their keys, as in batches of entries.
    FOR v_claim IN
        SELECT items.*
        FROM ledger_core.claim_items(reserve_claims.claims) AS items
        ORDER BY items.operation COLLATE "C", items.claim_subject COLLATE "C", items.nonce COLLATE "C", items."position"
    LOOP
        reserve_claims."position" := v_claim."position";
        BEGIN
            claim_deadline := ledger_core.reserve_claim(
                reserve_claims.app, v_claim.owner_id, v_claim.operation, v_claim.nonce, v_claim.claim_subject
            );
            code := NULL;
            message := NULL;
            detail := NULL;
            hint := NULL;
        EXCEPTION
            WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS
                    v_sqlstate = RETURNED_SQLSTATE, v_message = MESSAGE_TEXT, v_detail = PG_EXCEPTION_DETAIL,
                    v_hint = PG_EXCEPTION_HINT;
                -- A partition that moves to another server refuses all: its caller waits, and asks there.
                IF v_sqlstate NOT LIKE 'LG%' OR v_detail::jsonb ? 'moved' THEN
                    RAISE;
                END IF;
                v_refusal := ledger_core.batch_refusal(v_claim."position", v_sqlstate, v_message, v_detail, v_hint);
                claim_deadline := NULL;
                code := v_refusal.code;
                message := v_refusal.message;
                detail := v_refusal.detail;
                hint := v_refusal.hint;
        END;
        RETURN NEXT;
    END LOOP;
END
$$;

COMMENT ON FUNCTION ledger.reserve_claims IS
'Takes slots of claim limits for claim subjects that this partition of a cluster keeps, on behalf of requests whose owners
other partitions keep, and returns a row for each, in any order: its position (from 1) and the claim_deadline to record it
with (null: the operation has no limit), or the code, message, detail and hint of its refusal, which touches no other.
claims: a JSON array of at most 10000 objects with owner_id, operation, nonce and claim_subject of the request. The same
request again finds its reservation. Refusals are LG001, LG201, LG302 as by ledger.record_entry, and LG311 for a
claim_subject of another partition. Then record the entry there (ledger.record_entry with claim_deadline), and settle here
(ledger.settle_claims); clients of a cluster do all three.
Raises LG001, LG101, LG401 for the call as a whole.';
