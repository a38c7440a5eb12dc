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
    v_next timestamptz := since;
    v_number integer := 0;
BEGIN
    IF coalesce(by NOT IN ('day', 'week', 'month', 'quarter', 'year', 'ever'), TRUE) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'by', 'reason', 'must be day, week, month, quarter, year or ever'
        ));
    ELSIF NOT ledger_core.is_time_zone(period_starts.time_zone) THEN
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
    WHILE v_next <= last LOOP
        v_number := v_number + 1;
        IF v_number > ledger_core.max_page() THEN
            PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
                'field', 'by', 'reason', format('makes more than %s periods', ledger_core.max_page())
            ), 'Ask for longer periods, or for a later since.');
        END IF;
        v_next := ledger_core.first_instant(v_start + v_number * CASE by WHEN 'quarter' THEN interval '3 months' ELSE ('1 ' || by)::interval END, time_zone);
        IF v_next <= last AND v_next > v_starts[cardinality(v_starts)] THEN
            v_starts := v_starts || v_next;
        END IF;
    END LOOP;
    RETURN v_starts;
END
$$;

COMMENT ON FUNCTION ledger_core.period_starts IS
'When the periods begin, by the calendar of the time zone, from since on up to last: the first one is since itself.
by: day, week, month, quarter, year, or ever for the only one. Raises LG001 for another by, an unknown zone, or too many periods.';
