CREATE OR REPLACE FUNCTION ledger_core.may_act_for(app text)
RETURNS boolean
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_caller name := ledger_core.caller_role();
BEGIN
    -- The owner first, by itself: an expression without a query is far cheaper.
    IF v_caller = current_user THEN
        RETURN TRUE;
    END IF;
    RETURN EXISTS (
        SELECT 1 FROM ledger.app_roles WHERE role_name = v_caller AND app = may_act_for.app
    )
    OR pg_has_role(v_caller, current_user, 'MEMBER');
END
$$;

COMMENT ON FUNCTION ledger_core.may_act_for IS
'True if the calling role is bound to the app (ledger.bind_role), or is or may become the owner of the ledger. For use
within SECURITY DEFINER functions.';
