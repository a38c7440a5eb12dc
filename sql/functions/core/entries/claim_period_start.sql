CREATE OR REPLACE FUNCTION ledger_core.claim_period_start(claim_period text, time_zone text, at timestamptz)
RETURNS timestamp
LANGUAGE sql
STABLE
AS $$
SELECT CASE claim_period WHEN 'ever' THEN '-infinity' ELSE date_trunc(claim_period, at AT TIME ZONE time_zone) END
$$;

COMMENT ON FUNCTION ledger_core.claim_period_start IS
'When the claim period (ever, day, week, month) began that a moment lies in, on the wall clock of the time zone. Ever: -infinity.';
