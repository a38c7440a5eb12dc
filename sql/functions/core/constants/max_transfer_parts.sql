CREATE OR REPLACE FUNCTION ledger_core.max_transfer_parts()
RETURNS integer
LANGUAGE sql
IMMUTABLE
AS $$ SELECT 1000 $$;

COMMENT ON FUNCTION ledger_core.max_transfer_parts IS
'Into how many entries of the receiver a transfer may fall: one for all credits of the sender with the same expiry, class and use.';
