-- requires: functions/core/allowances/boundary
CREATE OR REPLACE FUNCTION ledger_core.occurrence_at(allowance ledger.allowances, at timestamptz)
RETURNS integer
LANGUAGE plpgsql
STABLE
AS $$
DECLARE
    v_from timestamp := allowance.starts_at AT TIME ZONE allowance.time_zone;
    v_to timestamp := at AT TIME ZONE allowance.time_zone;
    v_months integer;
    v_occurrence integer;
BEGIN
    IF at < allowance.starts_at THEN
        RETURN -1;
    ELSIF allowance.period IS NULL THEN
        RETURN 0;
    END IF;
    v_months := 12 * (extract(YEAR FROM v_to) - extract(YEAR FROM v_from)) + extract(MONTH FROM v_to) - extract(MONTH FROM v_from);
    v_occurrence := CASE allowance.period
        WHEN 'day' THEN extract(EPOCH FROM v_to - v_from) / 86400
        WHEN 'week' THEN extract(EPOCH FROM v_to - v_from) / 604800
        WHEN 'month' THEN v_months
        WHEN 'quarter' THEN v_months / 3
        WHEN 'year' THEN v_months / 12
    END;
    -- The estimate is off by one at most, where the period is not over or clocks were changed.
    WHILE ledger_core.boundary(allowance, v_occurrence + 1) <= at LOOP
        v_occurrence := v_occurrence + 1;
    END LOOP;
    WHILE ledger_core.boundary(allowance, v_occurrence) > at LOOP
        v_occurrence := v_occurrence - 1;
    END LOOP;
    RETURN v_occurrence;
END
$$;

COMMENT ON FUNCTION ledger_core.occurrence_at IS
'The number (0, 1, 2 …) of the period of an allowance to which a time belongs; -1 before it starts.';
