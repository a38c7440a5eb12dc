-- requires: views/core/movements, functions/core/entries/first_instant, functions/core/reading/due_events
CREATE OR REPLACE FUNCTION ledger.liability(
    since timestamptz,
    until timestamptz DEFAULT NULL,
    asset text DEFAULT 'CREDIT',
    by text DEFAULT 'month',
    time_zone text DEFAULT 'UTC'
)
RETURNS TABLE (
    period_start timestamptz,
    period_end timestamptz,
    opening numeric,
    issued numeric,
    spent numeric,
    expired numeric,
    reversed numeric,
    adjusted numeric,
    closing numeric
)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_now constant timestamptz := ledger_core.clock();
    v_last timestamptz;
    v_starts timestamptz [];
BEGIN
    PERFORM ledger_core.check_past('since', liability.since);
    IF liability.until < liability.since THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'until', 'reason', 'must not be before since'
        ));
    ELSIF NOT EXISTS (SELECT 1 FROM ledger.operations WHERE operations.asset = liability.asset)
        AND NOT EXISTS (SELECT 1 FROM ledger.accounts WHERE accounts.asset = liability.asset)
    THEN
        PERFORM ledger_core.refuse_asset(liability.asset);
    END IF;
    -- The period is half open: since belongs to it, until does not.
    v_last := least(liability.until - interval '1 microsecond', v_now);
    v_starts := ledger_core.period_starts(liability.by, liability.time_zone, liability.since, v_last);

    RETURN QUERY
    WITH moved AS (
        SELECT movements.recorded_at AS at, movements.movement, movements.amount
        FROM ledger_core.movements
        WHERE movements.asset = liability.asset AND NOT EXISTS (
            SELECT 1 FROM ledger.accounts
            WHERE accounts.in_order_from > 1 AND accounts.owner_id = movements.owner_id
                AND accounts.asset = movements.asset AND movements.seq < accounts.in_order_from
        )
        UNION ALL
        -- An entry that was recorded while the clock was ahead counts from the time of the next entry on.
        SELECT late.at, late.movement, late.amount
        FROM (
            SELECT
                movements.movement,
                movements.amount,
                movements.seq < accounts.in_order_from AS is_early,
                min(movements.recorded_at) OVER (
                    PARTITION BY movements.owner_id ORDER BY movements.seq DESC
                ) AS at
            FROM ledger.accounts
            INNER JOIN ledger_core.movements
                ON accounts.owner_id = movements.owner_id AND accounts.asset = movements.asset
            WHERE accounts.asset = liability.asset AND accounts.in_order_from > 1
                AND movements.seq <= accounts.in_order_from
        ) AS late
        WHERE late.is_early
        UNION ALL
        -- What is not posted yet
        SELECT due.at, 'expired', due.amount
        FROM ledger.accounts
        CROSS JOIN LATERAL ledger_core.due_events(accounts.owner_id, accounts.asset, v_last) AS due
        WHERE accounts.asset = liability.asset AND accounts.next_due_at <= v_last AND due.kind = 'expiry'
    ),

    sums AS (
        SELECT
            -- 0: before the first period
            width_bucket(timed.at, v_starts) AS number,
            sum(timed.amount) FILTER (WHERE timed.movement = 'issued') AS issued,
            sum(timed.amount) FILTER (WHERE timed.movement = 'spent') AS spent,
            sum(timed.amount) FILTER (WHERE timed.movement = 'expired') AS expired,
            sum(timed.amount) FILTER (WHERE timed.movement = 'reversed') AS reversed,
            sum(timed.amount) FILTER (WHERE timed.movement = 'adjusted') AS adjusted,
            sum(timed.amount) AS total
        FROM (
            -- As ledger_core.last_seq_at has it: what nothing has followed yet counts from a little ago on.
            SELECT
                CASE WHEN moved.at > v_now THEN v_now - ledger_core.clock_tolerance() ELSE moved.at END AS at,
                moved.movement,
                moved.amount
            FROM moved
        ) AS timed
        WHERE timed.at <= v_last
        GROUP BY 1
    ),

    running AS (
        SELECT
            numbers.number,
            coalesce(sums.issued, 0) AS issued,
            coalesce(sums.spent, 0) AS spent,
            coalesce(sums.expired, 0) AS expired,
            coalesce(sums.reversed, 0) AS reversed,
            coalesce(sums.adjusted, 0) AS adjusted,
            coalesce(sums.total, 0) AS total,
            coalesce(sum(sums.total) OVER (ORDER BY numbers.number), 0) AS closing
        FROM generate_series(0, cardinality(v_starts)) AS numbers (number)
        LEFT JOIN sums ON numbers.number = sums.number
    )

    SELECT
        v_starts[running.number],
        -- Not the time now, which differs from partition to partition
        coalesce(v_starts[running.number + 1], CASE WHEN liability.until <= v_now THEN liability.until END),
        running.closing - running.total,
        running.issued,
        running.spent,
        running.expired,
        running.reversed,
        running.adjusted,
        running.closing
    FROM running
    WHERE running.number > 0
    ORDER BY running.number;
END
$$;

COMMENT ON FUNCTION ledger.liability IS
'What is owed to all owners together, period by period, for finance: one row for each period by the calendar of time_zone, in
signed whole units of the asset. The first one begins at since (included), the last one ends at until (excluded; null, or later
than now: now).
period_end: null for the period that is not over. opening: the sum of all balances before. issued: credits that operations gave. spent: what operations took (not positive).
expired: not positive, and counted from its moment on even if it is not posted yet. reversed: by REVERSAL entries, of either
sign. adjusted: by operators. closing: the sum of all balances at the end. opening + issued + spent + expired + reversed +
adjusted = closing. An entry counts from the same time on as in ledger.balance_at, so that closing is the sum of that over all
owners; negative balances lower it.
by: day, week, month, year, or ever for a single row. time_zone: an IANA name. At most 1000 rows. Reads all entries of the asset.
Raises LG001.';
