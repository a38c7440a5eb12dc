CREATE OR REPLACE FUNCTION ledger_core.add_interval_in_utc(at timestamptz, span interval)
RETURNS timestamptz
LANGUAGE sql
IMMUTABLE
AS $$ SELECT (at AT TIME ZONE 'UTC' + span) AT TIME ZONE 'UTC' $$;

COMMENT ON FUNCTION ledger_core.add_interval_in_utc IS
'at + span with days and months counted in UTC, whatever the time zone of the session.';
