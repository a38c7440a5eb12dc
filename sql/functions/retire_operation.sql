CREATE OR REPLACE FUNCTION ledger.retire_operation(operation text)
RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_old ledger.operations;
    v_retired_at timestamptz := ledger_core.clock();
BEGIN
    PERFORM ledger_core.lock_catalogue();
    SELECT * INTO v_old FROM ledger.operations WHERE operation = retire_operation.operation;
    IF NOT FOUND THEN
        PERFORM ledger_core.refuse('unknown_operation', jsonb_build_object('operation', retire_operation.operation));
    ELSIF v_old.shared THEN
        PERFORM ledger_core.refuse(
            'operation_set_incomplete', jsonb_build_object('operation', retire_operation.operation),
            'A shared operation cannot be retired: redefine it with shared => false first.'
        );
    ELSIF v_old.retired_at IS NULL THEN
        UPDATE ledger.operations SET retired_at = v_retired_at WHERE operation = retire_operation.operation;
        v_old.retired_at := v_retired_at;
        PERFORM ledger_core.journal_change('retired', v_old.operation, NULL, ledger_core.noted_operation(v_old));
    END IF;
END
$$;

COMMENT ON FUNCTION ledger.retire_operation IS
'Closes an operation to new entries in every app. Its entries stay, and retries of them are still answered.
Can be called again; ledger.define_operation reopens it. For operators and migrations. Raises LG102, LG902 for a shared
operation.';
