CREATE OR REPLACE FUNCTION ledger_core.max_page()
RETURNS integer
LANGUAGE sql
IMMUTABLE
AS $$ SELECT 1000 $$;

COMMENT ON FUNCTION ledger_core.max_page IS
'The most rows of a page of entries or holds.';
