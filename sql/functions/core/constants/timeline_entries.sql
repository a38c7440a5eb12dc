CREATE OR REPLACE FUNCTION ledger_core.timeline_entries()
RETURNS integer
LANGUAGE sql
IMMUTABLE
AS $$ SELECT 150000 $$;

COMMENT ON FUNCTION ledger_core.timeline_entries IS
'The most entries that ledger.timeline reads. Where there are more, it reads a tenth of this, evenly spread: single entries
take ten times as long as those of a range.';
