CREATE OR REPLACE FUNCTION ledger_core.max_feed_page()
RETURNS integer
LANGUAGE sql
IMMUTABLE
AS $$ SELECT 10000 $$;

COMMENT ON FUNCTION ledger_core.max_feed_page IS
'The most rows that one call of the change feed returns.';
