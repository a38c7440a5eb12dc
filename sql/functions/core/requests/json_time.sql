CREATE OR REPLACE FUNCTION ledger_core.json_time(at timestamptz)
RETURNS text
LANGUAGE sql
STABLE
AS $$ SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') $$;

COMMENT ON FUNCTION ledger_core.json_time IS
'A time as RFC 3339 text in UTC, for the detail of a refusal; null for null.';
