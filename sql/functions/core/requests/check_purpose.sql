CREATE OR REPLACE FUNCTION ledger_core.check_purpose(for_app text, for_operation text)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    IF for_app IS NOT NULL AND NOT EXISTS (SELECT 1 FROM ledger.apps WHERE apps.app = for_app) THEN
        PERFORM ledger_core.check_key('for_app', for_app);
        PERFORM ledger_core.refuse('unknown_app', jsonb_build_object('app', for_app));
    ELSIF for_operation IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM ledger.operations WHERE operations.operation = for_operation)
    THEN
        PERFORM ledger_core.check_key('for_operation', for_operation);
        PERFORM ledger_core.refuse('unknown_operation', jsonb_build_object('operation', for_operation));
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_purpose IS
'Raises LG001, LG101 or LG102 unless the app and the operation are known; null is neither.';
