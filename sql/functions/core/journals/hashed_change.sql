-- requires: functions/core/journals/counted, functions/core/journals/line_bytes
CREATE OR REPLACE FUNCTION ledger_core.hashed_change(line ledger.operation_changes)
RETURNS bytea
LANGUAGE sql
IMMUTABLE
AS $$
SELECT ledger_core.line_bytes(
    line.change_id,
    line.changed_at,
    line.xact_id,
    ledger_core.counted(line.change) || ',' || coalesce(ledger_core.counted(line.operation), '')
    || ',' || ledger_core.counted(line.changed_by) || ',' || ledger_core.counted(line.rule::text)
    || coalesce(',app=' || ledger_core.counted(line.app), '')
    || coalesce(',role_name=' || ledger_core.counted(line.role_name), '')
)
$$;

COMMENT ON FUNCTION ledger_core.hashed_change IS
'The canonical bytes of a line of ledger.operation_changes, all of its columns but the hash.';
