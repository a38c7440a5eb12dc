-- Always from the start: 31 January, 28 February, 31 March.
CREATE OR REPLACE FUNCTION ledger_core.boundary(allowance ledger.allowances, occurrence integer)
RETURNS timestamptz
LANGUAGE sql
STABLE
AS $$
SELECT CASE
    WHEN occurrence = 0 THEN allowance.starts_at
    WHEN allowance.period IS NULL THEN 'infinity'
    ELSE (
        allowance.starts_at AT TIME ZONE allowance.time_zone
        + occurrence * CASE allowance.period
            WHEN 'day' THEN interval '1 day'
            WHEN 'week' THEN interval '7 days'
            WHEN 'month' THEN interval '1 month'
            WHEN 'quarter' THEN interval '3 months'
            WHEN 'year' THEN interval '1 year'
        END
    ) AT TIME ZONE allowance.time_zone
END
$$;

COMMENT ON FUNCTION ledger_core.boundary IS
'When the period of that number (0, 1, 2 …) of an allowance begins, on the wall clock of its time zone; infinity after the only
one of an allowance without a period.';
