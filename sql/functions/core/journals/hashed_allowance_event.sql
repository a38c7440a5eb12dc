-- requires: functions/core/journals/counted, functions/core/journals/line_bytes
CREATE OR REPLACE FUNCTION ledger_core.hashed_allowance_event(line ledger.allowance_events)
RETURNS bytea
LANGUAGE sql
IMMUTABLE
AS $$
SELECT ledger_core.line_bytes(
    line.event_seq,
    line.happened_at,
    line.xact_id,
    ledger_core.counted(line.owner_id) || ',' || ledger_core.counted(line.asset) || ',' || ledger_core.counted(line.app)
    || ',' || ledger_core.counted(line.allowance_nonce) || ',' || ledger_core.counted(line.event)
    || ',' || ledger_core.counted(line.role_name) || ',' || ledger_core.counted(line.request::text)
    || ',' || ledger_core.counted(line.allowance::text) || ',after_seq=' || line.after_seq::text
    || coalesce(',nonce=' || ledger_core.counted(line.nonce), '') || coalesce(',seq=' || line.seq::text, '')
)
$$;

COMMENT ON FUNCTION ledger_core.hashed_allowance_event IS
'The canonical bytes of a line of ledger.allowance_events, all of its columns but the hash.';
