-- requires: functions/core/requests/is_key
-- Inlined by the planner wherever it is used.
CREATE OR REPLACE FUNCTION ledger_core.is_nonce(nonce text)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
AS $$ SELECT ledger_core.is_key(nonce) AND NOT starts_with(nonce, 'ledger:') $$;

COMMENT ON FUNCTION ledger_core.is_nonce IS
'True if a caller may use the nonce for something new. Those that begin with ledger: are the ledger''s own.';
