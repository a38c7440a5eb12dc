CREATE OR REPLACE FUNCTION ledger_core.owner_of_hold(app text, hold_nonce text)
RETURNS TABLE (owner_id text, asset text)
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    PERFORM ledger_core.check_key('hold_nonce', owner_of_hold.hold_nonce);
    PERFORM ledger_core.check_authorized(owner_of_hold.app);
    RETURN QUERY
    SELECT owner_id, asset FROM ledger.holds WHERE app = owner_of_hold.app AND nonce = owner_of_hold.hold_nonce;
    IF NOT FOUND THEN
        PERFORM ledger_core.refuse('hold_not_found', jsonb_build_object(
            'app', owner_of_hold.app, 'hold_nonce', owner_of_hold.hold_nonce
        ));
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.owner_of_hold IS
'The account of a hold of the app, if the caller may act for the app. Raises LG001, LG101, LG105, LG401.';
