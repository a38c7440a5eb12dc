-- requires: functions/core/entries/add_interval_in_utc
CREATE OR REPLACE FUNCTION ledger_core.first_instant(local_time timestamp, time_zone text)
RETURNS timestamptz
LANGUAGE plpgsql
STABLE
AS $$
DECLARE
    v_at timestamptz := local_time AT TIME ZONE time_zone;
    v_day_before timestamptz := v_at - interval '24 hours';
    -- By the clock of the day before
    v_earlier timestamptz := ledger_core.add_interval_in_utc(
        v_day_before, local_time - v_day_before AT TIME ZONE time_zone
    );
BEGIN
    -- A local time over which clocks are set back comes twice; PostgreSQL takes the second.
    IF v_earlier < v_at AND v_earlier AT TIME ZONE time_zone >= local_time THEN
        RETURN v_earlier;
    END IF;
    RETURN v_at;
END
$$;

COMMENT ON FUNCTION ledger_core.first_instant IS
'The first moment at which it is local_time or later in the time zone.';
