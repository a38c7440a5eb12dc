-- requires: functions/core/entries/first_instant, functions/core/entries/claim_period_start
CREATE OR REPLACE FUNCTION ledger_core.budget_period(
    period text, time_zone text, at timestamptz, OUT since timestamptz, OUT until timestamptz
)
LANGUAGE plpgsql
STABLE
AS $$
DECLARE
    v_start timestamp;
    v_length interval;
BEGIN
    IF period = 'ever' THEN
        since := '-infinity';
        until := 'infinity';
        RETURN;
    END IF;
    v_length := ('1 ' || period)::interval;
    v_start := ledger_core.claim_period_start(period, time_zone, at);
    until := ledger_core.first_instant(v_start + v_length, time_zone);
    -- Clocks that are set back over midnight show the day before once more; the next day has begun all the same.
    IF at >= until THEN
        v_start := v_start + v_length;
        until := ledger_core.first_instant(v_start + v_length, time_zone);
    END IF;
    since := ledger_core.first_instant(v_start, time_zone);
END
$$;

COMMENT ON FUNCTION ledger_core.budget_period IS
'The period (ever, day, week, month) by the calendar of the time zone that a moment lies in: from since to before until.';
