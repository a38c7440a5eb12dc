CREATE OR REPLACE FUNCTION ledger_core.nonce_of_part(transfer_nonce text, part bigint)
RETURNS text
LANGUAGE sql
IMMUTABLE
AS $$ SELECT 'ledger:transfer:' || transfer_nonce || ':' || part::text $$;

COMMENT ON FUNCTION ledger_core.nonce_of_part IS
'The nonce of a part (1, 2, 3 …) of a transfer, or of its reversal: an entry of the receiver.';
