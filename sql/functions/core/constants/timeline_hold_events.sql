CREATE OR REPLACE FUNCTION ledger_core.timeline_hold_events()
RETURNS integer
LANGUAGE sql
IMMUTABLE
AS $$ SELECT 10000 $$;

COMMENT ON FUNCTION ledger_core.timeline_hold_events IS
'The most events of holds that ledger.timeline reads, from the newest back.';
