-- requires: functions/core/requests/is_key
-- Inlined by the planner wherever it is used.
CREATE OR REPLACE FUNCTION ledger_core.is_spender(spender text)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
AS $$ SELECT spender IS NULL OR (ledger_core.is_key(spender) AND spender <> '*') $$;

COMMENT ON FUNCTION ledger_core.is_spender IS
'True if a request may have this spender: none, or 1 to ledger_core.max_key_length() characters, but not *, by which a budget
means each of them.';
