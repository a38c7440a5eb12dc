-- requires: functions/core/journals/hashed_line
CREATE OR REPLACE FUNCTION ledger_core.hashed_action(line ledger.operator_actions)
RETURNS bytea
LANGUAGE sql
IMMUTABLE
AS $$
SELECT ledger_core.hashed_line(
    line.action_seq,
    line.acted_at,
    line.xact_id,
    ARRAY[
        line.owner_id, line.asset, line.action, line.role_name, line.actor, line.reason, line.before::text,
        line.after::text
    ],
    coalesce(',seq=' || line.seq::text, '')
)
$$;

COMMENT ON FUNCTION ledger_core.hashed_action IS
'The canonical bytes of a line of ledger.operator_actions, all of its columns but the hash.';
