CREATE OR REPLACE FUNCTION ledger_door.has_nonce(
    caller text, lock_timeout text, dry boolean, kind text, app text, nonce text
)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_found boolean;
BEGIN
    PERFORM set_config('role', has_nonce.caller, TRUE);
    SELECT count(*) > 0 INTO v_found
    FROM ledger.find(has_nonce.nonce, 1000) AS matches
    WHERE matches.kind = has_nonce.kind
        AND matches.found @> jsonb_build_object('app', has_nonce.app, 'nonce', has_nonce.nonce);
    RETURN to_json(v_found);
EXCEPTION
    -- It is no nonce, which the call itself refuses by its name.
    WHEN SQLSTATE 'LG001' THEN
        RETURN 'false';
    WHEN OTHERS THEN
        RETURN json_build_array(sqlstate, sqlerrm, NULL, NULL);
END
$$;

COMMENT ON FUNCTION ledger_door.has_nonce(text, text, boolean, text, text, text) IS
'Whether this partition has the allowance, the hold or the entry (kind) of an app with that nonce, as JSON; or an error, as every door says it.';
