-- requires: functions/core/entries/as_entry
CREATE OR REPLACE FUNCTION ledger_core.as_recorded(entry ledger.entries, replayed boolean)
RETURNS ledger.recorded_entry
LANGUAGE sql
IMMUTABLE
AS $$ SELECT ((ledger_core.as_entry(entry)).*, replayed)::ledger.recorded_entry $$;

COMMENT ON FUNCTION ledger_core.as_recorded IS
'A row of ledger.entries as the answer to a request; replayed: it had been recorded before.';
