CREATE OR REPLACE FUNCTION ledger_core.own_operations()
RETURNS text []
LANGUAGE sql
IMMUTABLE
AS $$ SELECT '{ACCOUNT_MOVE,ADJUSTMENT,CARRY_OVER,EXPIRY,FORFEITURE,REVERSAL}'::text [] $$;

COMMENT ON FUNCTION ledger_core.own_operations IS
'The operations of entries that the ledger records by itself or for operators: they are in no app''s set.';
