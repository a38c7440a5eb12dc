CREATE OR REPLACE FUNCTION ledger_core.nonce_of_allowance(allowance_nonce text, occurrence integer)
RETURNS text
LANGUAGE sql
IMMUTABLE
AS $$ SELECT 'ledger:allowance:' || allowance_nonce || ':' || occurrence::text $$;

COMMENT ON FUNCTION ledger_core.nonce_of_allowance IS
'The nonce of the entry with the credits of a period (0, 1, 2 …) of an allowance.';
