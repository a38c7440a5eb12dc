-- requires: functions/core/entries/add_interval_in_zone
-- By the calendar by which it is claimed: what may be claimed each month lives to the next claim.
CREATE OR REPLACE FUNCTION ledger_core.default_expiry(
    recorded_at timestamptz, expires_after interval, claim_time_zone text
)
RETURNS timestamptz
LANGUAGE sql
STABLE
AS $$ SELECT ledger_core.add_interval_in_zone(recorded_at, expires_after, coalesce(claim_time_zone, 'UTC')) $$;

COMMENT ON FUNCTION ledger_core.default_expiry IS
'When credits expire that are recorded at that time, and whose request names no expiry. expires_after, claim_time_zone: of
the operation''s rule; null: never.';
