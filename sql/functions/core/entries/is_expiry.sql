-- Inlined by the planner wherever it is used.
CREATE OR REPLACE FUNCTION ledger_core.is_expiry(expires_at timestamptz, amount bigint, now timestamptz)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
AS $$ SELECT amount > 0 AND expires_at > now AND expires_at < '10000-01-01 00:00:00+00'::timestamptz $$;

COMMENT ON FUNCTION ledger_core.is_expiry IS
'True if a request of that amount may say that its credits expire at expires_at.';
