CREATE OR REPLACE FUNCTION ledger_core.first_instant(local_time timestamp, time_zone text)
RETURNS timestamptz
LANGUAGE plpgsql
STABLE
AS $$
DECLARE
    v_at timestamptz := local_time AT TIME ZONE time_zone;
BEGIN
    -- A local time over which clocks are set back comes twice; PostgreSQL takes the second.
    IF (v_at - interval '1 hour') AT TIME ZONE time_zone >= local_time THEN
        RETURN v_at - interval '1 hour';
    END IF;
    RETURN v_at;
END
$$;

COMMENT ON FUNCTION ledger_core.first_instant IS
'The first moment at which it is local_time or later in the time zone.';
