CREATE OR REPLACE FUNCTION ledger_core.max_key_length()
RETURNS integer
LANGUAGE sql
IMMUTABLE
AS $$ SELECT 255 $$;

COMMENT ON FUNCTION ledger_core.max_key_length IS
'The most characters that an owner, a nonce or a claim subject may have.';
