-- requires: functions/core/journals/counted, functions/core/journals/line_bytes
CREATE OR REPLACE FUNCTION ledger_core.hashed_action(line ledger.operator_actions)
RETURNS bytea
LANGUAGE sql
IMMUTABLE
AS $$
SELECT ledger_core.line_bytes(
    line.action_seq,
    line.acted_at,
    line.xact_id,
    ledger_core.counted(line.owner_id) || ',' || ledger_core.counted(line.asset) || ',' || ledger_core.counted(line.action)
    || ',' || ledger_core.counted(line.role_name) || ',' || ledger_core.counted(line.actor)
    || ',' || ledger_core.counted(line.reason) || ',' || ledger_core.counted(line.before::text)
    || ',' || ledger_core.counted(line.after::text) || coalesce(',seq=' || line.seq::text, '')
)
$$;

COMMENT ON FUNCTION ledger_core.hashed_action IS
'The canonical bytes of a line of ledger.operator_actions, all of its columns but the hash.';
