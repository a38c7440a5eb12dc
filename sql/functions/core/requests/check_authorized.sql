CREATE OR REPLACE FUNCTION ledger_core.check_authorized(app text)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM ledger.apps WHERE apps.app = check_authorized.app) THEN
        PERFORM ledger_core.check_key('app', check_authorized.app);
        PERFORM ledger_core.refuse('unknown_app', jsonb_build_object('app', check_authorized.app));
    ELSIF NOT ledger_core.may_act_for(check_authorized.app) THEN
        PERFORM ledger_core.refuse('not_authorized', jsonb_build_object(
            'app', check_authorized.app, 'role', ledger_core.caller_role()
        ));
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_authorized IS
'Raises LG101 for an app that is not registered, LG401 if the calling role may not act for it.';
