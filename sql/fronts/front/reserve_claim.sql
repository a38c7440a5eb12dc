-- The clients of a cluster do the same: ledger_py/cluster/claims_async.py.
CREATE FUNCTION ledger_front.reserve_claim(app text, claim jsonb)
RETURNS json
LANGUAGE plpgsql
AS $$
DECLARE
    v_patience constant interval := '1 second';
    v_until timestamptz := clock_timestamp() + v_patience;
    v_reserved json;
BEGIN
    LOOP
        SELECT ledger_front.checked(answer) INTO STRICT v_reserved
        FROM ledger_front.reserve_claims(
            ledger_front.place(claim ->> 'claim_subject'), ledger_front.caller(), current_setting('lock_timeout'),
            ledger_front.is_dry_run(), app, jsonb_build_array(claim)
        ) AS answer;
        EXIT WHEN coalesce(v_reserved -> 'detail' ->> 'limited', '') <> 'claim_subject'
            OR clock_timestamp() > v_until OR ledger_front.is_dry_run() OR NOT ledger_front.unblock_claim(app, claim);
    END LOOP;
    RETURN v_reserved;
END
$$;

COMMENT ON FUNCTION ledger_front.reserve_claim IS
'Reserves a claim subject on its own partition, and returns the row of ledger.reserve_claims. claim: owner_id, operation,
nonce and claim_subject of the request. If the limit is used up, reservations that nobody has settled are settled first, and
requests under way are waited for, for a second.';
