CREATE OR REPLACE FUNCTION ledger_core.journal_change(
    change text, operation text, app text, rule jsonb, role_name text DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_line ledger.operation_changes;
BEGIN
    -- The caller holds the lock of the catalogue until it commits, so nobody else adds a line meanwhile.
    SELECT change_id, hash INTO v_line.change_id, v_line.hash
    FROM ledger.operation_changes
    ORDER BY change_id DESC
    LIMIT 1;
    v_line.change_id := coalesce(v_line.change_id, 0) + 1;
    v_line.changed_at := ledger_core.clock();
    v_line.xact_id := pg_current_xact_id();
    v_line.changed_by := ledger_core.caller_role();
    v_line.change := journal_change.change;
    v_line.operation := journal_change.operation;
    v_line.app := journal_change.app;
    v_line.role_name := journal_change.role_name;
    v_line.rule := journal_change.rule;
    v_line.hash := ledger_core.chain_hash(
        coalesce(v_line.hash, ledger_core.zero_hash()), ledger_core.hashed_change(v_line)
    );
    INSERT INTO ledger.operation_changes SELECT v_line.*
    -- In a SERIALIZABLE transaction whose snapshot is older than the lock this raises 40001: the caller tries again.
    ON CONFLICT DO NOTHING;
END
$$;

COMMENT ON FUNCTION ledger_core.journal_change IS
'Adds one change of the locked catalogue to ledger.operation_changes, with time and role, chained to the line before.
rule: the operation, app or binding as it stands afterwards.';
