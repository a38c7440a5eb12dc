-- requires: functions/core/entries/first_instant
CREATE OR REPLACE FUNCTION ledger_core.period_starts(
    by text, time_zone text, since timestamptz, last timestamptz
)
RETURNS timestamptz []
LANGUAGE plpgsql
STABLE
AS $$
DECLARE
    v_starts timestamptz [] := ARRAY[since];
    v_start timestamp;
    v_next timestamptz;
BEGIN
    IF coalesce(by NOT IN ('day', 'week', 'month', 'year', 'ever'), TRUE) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'by', 'reason', 'must be day, week, month, year or ever'
        ));
    ELSIF NOT EXISTS (SELECT 1 FROM pg_timezone_names AS zones WHERE zones.name = period_starts.time_zone) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'time_zone', 'reason', 'must be an IANA time zone name'
        ));
    ELSIF by = 'ever' THEN
        RETURN v_starts;
    ELSIF since < '0001-01-01' THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'since', 'reason', 'is too long ago to count periods from'
        ));
    END IF;
    v_start := date_trunc(by, since AT TIME ZONE time_zone);
    FOR v_number IN 1..ledger_core.max_page() LOOP
        v_next := ledger_core.first_instant(v_start + v_number * ('1 ' || by)::interval, time_zone);
        IF v_next > last THEN
            RETURN v_starts;
        ELSIF v_next > v_starts[cardinality(v_starts)] THEN
            v_starts := v_starts || v_next;
        END IF;
    END LOOP;
    PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
        'field', 'by', 'reason', format('makes more than %s periods', ledger_core.max_page())
    ), 'Ask for longer periods, or for a later since.');
END
$$;

COMMENT ON FUNCTION ledger_core.period_starts IS
'When the periods begin, by the calendar of the time zone, from since on up to last: the first one is since itself.
by: day, week, month, year, or ever for the only one. Raises LG001 for another by, an unknown zone, or too many periods.';
