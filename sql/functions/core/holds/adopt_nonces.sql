CREATE OR REPLACE FUNCTION ledger_core.adopt_nonces()
RETURNS bigint
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_adopted bigint;
BEGIN
    INSERT INTO ledger_core.nonces (app, nonce)
    SELECT app, nonce FROM ledger.holds
    EXCEPT
    SELECT app, nonce FROM ledger_core.nonces
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS v_adopted = ROW_COUNT;
    RETURN v_adopted;
END
$$;

COMMENT ON FUNCTION ledger_core.adopt_nonces IS
'Takes the nonces of holds that calls of an old version placed during an upgrade, and
returns their number. Only `ledger migrate` calls it.';
