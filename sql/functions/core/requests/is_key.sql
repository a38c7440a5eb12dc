-- requires: functions/core/constants/max_key_length
-- Inlined by the planner wherever it is used.
CREATE OR REPLACE FUNCTION ledger_core.is_key(value text)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
AS $$ SELECT coalesce(length(value) BETWEEN 1 AND ledger_core.max_key_length(), FALSE) $$;

COMMENT ON FUNCTION ledger_core.is_key IS
'True if value can be an owner, a nonce or a claim subject: 1 to ledger_core.max_key_length() characters.';
