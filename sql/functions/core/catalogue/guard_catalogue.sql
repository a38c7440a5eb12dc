CREATE OR REPLACE FUNCTION ledger_core.guard_catalogue()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_old jsonb := to_jsonb(old);
    v_new jsonb := to_jsonb(new);
    v_app text := v_old ->> 'app';
    v_operation text := v_old ->> 'operation';
BEGIN
    IF tg_op = 'UPDATE' AND v_old -> 'app' IS NOT DISTINCT FROM v_new -> 'app'
        AND v_old -> 'operation' IS NOT DISTINCT FROM v_new -> 'operation'
        AND v_old -> 'asset' IS NOT DISTINCT FROM v_new -> 'asset'
    THEN
        RETURN new;
    END IF;
    IF EXISTS (
        SELECT 1 FROM ledger.entries
        WHERE (v_app IS NULL OR entries.app = v_app) AND (v_operation IS NULL OR entries.operation = v_operation)
    ) OR EXISTS (
        SELECT 1 FROM ledger.holds
        WHERE (v_app IS NULL OR holds.app = v_app) AND (v_operation IS NULL OR holds.operation = v_operation)
    ) THEN
        PERFORM ledger_core.refuse('operation_in_use', jsonb_strip_nulls(jsonb_build_object(
            'attempted', lower(tg_op), 'app', v_app, 'operation', v_operation
        )));
    END IF;
    IF tg_op = 'DELETE' THEN
        RETURN old;
    END IF;
    RETURN new;
END
$$;

COMMENT ON FUNCTION ledger_core.guard_catalogue IS
'Trigger: raises LG903 when an app, an operation or a member of a set that entries or holds refer to
would be deleted, renamed, or given another asset.';
