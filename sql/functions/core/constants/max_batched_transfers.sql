CREATE OR REPLACE FUNCTION ledger_core.max_batched_transfers()
RETURNS integer
LANGUAGE sql
IMMUTABLE
AS $$ SELECT 500 $$;

COMMENT ON FUNCTION ledger_core.max_batched_transfers IS
'The most transfers in a batch. Each is recorded by itself, and those of one sender take longer with each one before.';
