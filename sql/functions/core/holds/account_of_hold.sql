CREATE OR REPLACE FUNCTION ledger_core.account_of_hold(app text, hold_nonce text, owner_id text)
RETURNS TABLE (holder_id text, asset text)
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT owner_id, asset
    FROM ledger.holds
    WHERE app = account_of_hold.app AND nonce = account_of_hold.hold_nonce AND ledger_core.may_act_for(app)
        AND (account_of_hold.owner_id IS NULL OR owner_id = account_of_hold.owner_id);
    IF NOT FOUND THEN
        PERFORM ledger_core.check_key('hold_nonce', account_of_hold.hold_nonce);
        PERFORM ledger_core.check_authorized(account_of_hold.app);
        PERFORM ledger_core.check_named_owner(account_of_hold.owner_id);
        PERFORM ledger_core.refuse('hold_not_found', jsonb_strip_nulls(jsonb_build_object(
            'app', account_of_hold.app, 'hold_nonce', account_of_hold.hold_nonce, 'owner_id', account_of_hold.owner_id
        )));
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.account_of_hold IS
'The account of a hold of the app, if the caller may act for the app. owner_id: whose hold it must be, null for anybody''s.
Raises LG001, LG101, LG105, LG311, LG401.';
