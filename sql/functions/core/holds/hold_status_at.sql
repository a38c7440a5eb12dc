CREATE OR REPLACE FUNCTION ledger_core.hold_status_at(status text, expires_at timestamptz, at timestamptz)
RETURNS text
LANGUAGE sql
IMMUTABLE
AS $$
SELECT CASE WHEN status = 'open' AND expires_at <= at THEN 'expired' ELSE status END
$$;

COMMENT ON FUNCTION ledger_core.hold_status_at IS
'The status of a hold at a moment: past its end it is expired, although that may not be posted yet.';
