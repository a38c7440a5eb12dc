CREATE OR REPLACE FUNCTION ledger_core.note_change(
    change text, operation text, app text, rule jsonb, role_name text DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_changed_by text := ledger_core.caller_role();
    v_changed_at timestamptz := clock_timestamp();
    v_xact_id xid8 := pg_current_xact_id();
    v_change_id bigint;
    v_hash bytea;
BEGIN
    -- Whoever changes the catalogue holds its lock until he commits: nobody else adds a line meanwhile.
    SELECT change_id, hash INTO v_change_id, v_hash
    FROM ledger.operation_changes
    ORDER BY change_id DESC
    LIMIT 1;
    v_change_id := coalesce(v_change_id, 0) + 1;
    v_hash := ledger_core.chain_hash(
        coalesce(v_hash, decode(repeat('00', 32), 'hex')),
        ledger_core.change_bytes(
            v_change_id, v_changed_at, v_xact_id, note_change.change, note_change.operation, v_changed_by,
            note_change.rule, note_change.app, note_change.role_name
        )
    );
    INSERT INTO ledger.operation_changes (
        change_id, changed_at, changed_by, change, operation, app, role_name, rule, xact_id, hash
    )
    VALUES (
        v_change_id, v_changed_at, v_changed_by, note_change.change, note_change.operation, note_change.app,
        note_change.role_name, note_change.rule, v_xact_id, v_hash
    )
    -- Of a SERIALIZABLE transaction whose snapshot is from before the lock: 40001, to be tried again.
    ON CONFLICT DO NOTHING;
END
$$;

COMMENT ON FUNCTION ledger_core.note_change IS
'Keeps one change of the locked catalogue with time and role in ledger.operation_changes, chained to the change before.';
