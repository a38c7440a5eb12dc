-- As date_add does, which PostgreSQL has since 16.
CREATE OR REPLACE FUNCTION ledger_core.add_interval_in_zone(at timestamptz, span interval, zone text)
RETURNS timestamptz
LANGUAGE sql
STABLE
AS $$
SELECT (at AT TIME ZONE zone + days.span) AT TIME ZONE zone + (add_interval_in_zone.span - days.span)
FROM make_interval(
    months => (extract(YEAR FROM add_interval_in_zone.span) * 12 + extract(MONTH FROM add_interval_in_zone.span))::integer,
    days => extract(DAY FROM add_interval_in_zone.span)::integer
) AS days (span)
$$;

COMMENT ON FUNCTION ledger_core.add_interval_in_zone IS
'at + span with days and months counted by the calendar of a time zone, and hours as they pass.';
