-- requires: functions/core/generations/system_identifier
CREATE OR REPLACE FUNCTION ledger_core.is_away()
RETURNS boolean
LANGUAGE sql
STABLE
AS $$
SELECT bool_or(home.system_identifier <> ledger_core.system_identifier()) FROM ledger_core.home
$$;

COMMENT ON FUNCTION ledger_core.is_away IS
'True if the ledger was moved to another server since the current generation was begun; null if the
provider hides which server it is.';
