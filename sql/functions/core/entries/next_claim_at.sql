-- requires: functions/core/entries/first_instant
CREATE OR REPLACE FUNCTION ledger_core.next_claim_at(claim_period text, time_zone text, period_start timestamp)
RETURNS timestamptz
LANGUAGE sql
STABLE
AS $$
SELECT CASE
    WHEN claim_period <> 'ever'
        THEN ledger_core.first_instant(period_start + ('1 ' || claim_period)::interval, time_zone)
END
$$;

COMMENT ON FUNCTION ledger_core.next_claim_at IS
'When the claim period after the one that began at period_start begins. Null: never.';
