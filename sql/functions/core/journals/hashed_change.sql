-- requires: functions/core/journals/hashed_line
CREATE OR REPLACE FUNCTION ledger_core.hashed_change(line ledger.operation_changes)
RETURNS bytea
LANGUAGE sql
IMMUTABLE
AS $$
SELECT ledger_core.hashed_line(
    line.change_id,
    line.changed_at,
    line.xact_id,
    ARRAY[line.change, line.operation, line.changed_by, line.rule::text],
    coalesce(',app=' || ledger_core.counted(line.app), '')
    || coalesce(',role_name=' || ledger_core.counted(line.role_name), '')
)
$$;

COMMENT ON FUNCTION ledger_core.hashed_change IS
'The canonical bytes of a line of ledger.operation_changes, all of its columns but the hash.';
