-- requires: functions/core/allowances/is_granted
CREATE OR REPLACE FUNCTION ledger_core.check_allowance(allowance ledger.allowances)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
DECLARE
    v_field text;
    v_reason text;
BEGIN
    SELECT checks.field, checks.reason INTO v_field, v_reason
    FROM (VALUES
        -- The nonces of its entries begin with it.
        ('nonce', length(allowance.nonce) > 200, 'must have 1 to 200 characters'),
        (
            'period', allowance.period NOT IN ('day', 'week', 'month', 'quarter', 'year'),
            'must be day, week, month, quarter or year, or null for credits that come once'
        ),
        (
            'time_zone', NOT ledger_core.is_time_zone(allowance.time_zone), 'must be an IANA time zone name'
        ),
        (
            'starts_at', allowance.starts_at < '1970-01-01Z' OR allowance.starts_at >= '9999-01-01Z', 'must be from 1970 to 9998'
        ),
        (
            'ends_at', allowance.ends_at < '1970-01-01Z' OR allowance.ends_at >= '9999-01-01Z', 'must be from 1970 to 9998'
        ),
        ('ends_at', allowance.ends_at <= allowance.starts_at, 'must be after starts_at'),
        (
            'carry_over_most', coalesce(allowance.carry_over_most NOT BETWEEN 0 AND ledger_core.max_amount(), TRUE),
            format('must be from 0 to %s', ledger_core.max_amount())
        ),
        (
            'carry_over_for', coalesce(allowance.carry_over_for NOT BETWEEN 1 AND ledger_core.max_carry_over_for(), TRUE),
            format('must be from 1 to %s periods', ledger_core.max_carry_over_for())
        ),
        ('occurrences', allowance.occurrences NOT BETWEEN 1 AND 100000, 'must be from 1 to 100000'),
        ('occurrences', allowance.period IS NULL AND allowance.occurrences <> 1, 'must be 1 or null without a period'),
        (
            'carry_over_most', allowance.period IS NULL AND allowance.carry_over_most > 0,
            'must be 0 without a period'
        )
    ) AS checks (field, failed, reason)
    WHERE checks.failed
    LIMIT 1;
    IF FOUND THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object('field', v_field, 'reason', v_reason));
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_allowance IS
'Raises LG001 naming the first field of an allowance that is not well formed.';
