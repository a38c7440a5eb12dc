CREATE OR REPLACE FUNCTION ledger_core.entries_per_range()
RETURNS integer
LANGUAGE sql
IMMUTABLE
AS $$ SELECT 100000 $$;

COMMENT ON FUNCTION ledger_core.entries_per_range IS
'The number of entries that a range of ledger.verify_ranges has, about.';
