-- No literal: what a backslash means in one depends on the settings of the session.
CREATE OR REPLACE FUNCTION ledger_core.zero_hash()
RETURNS bytea
LANGUAGE sql
IMMUTABLE
AS $$ SELECT decode(repeat('00', 32), 'hex') $$;

COMMENT ON FUNCTION ledger_core.zero_hash IS
'The hash before the first entry or line of a chain: 32 zero bytes.';
