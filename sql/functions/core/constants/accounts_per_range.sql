CREATE OR REPLACE FUNCTION ledger_core.accounts_per_range()
RETURNS integer
LANGUAGE sql
IMMUTABLE
AS $$ SELECT 10000 $$;

COMMENT ON FUNCTION ledger_core.accounts_per_range IS
'The number of accounts that ledger.verify examines at a time.';
