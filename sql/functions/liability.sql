-- requires: dropped/0.1_signatures
-- requires: views/core/movements, views/core/movements_by_class, functions/core/entries/first_instant, functions/core/reading/clock_events
CREATE OR REPLACE FUNCTION ledger.liability(
    since timestamptz,
    until timestamptz DEFAULT NULL,
    asset text DEFAULT 'CREDIT',
    by text DEFAULT 'month',
    time_zone text DEFAULT 'UTC',
    by_class boolean DEFAULT FALSE
)
RETURNS TABLE (
    period_start timestamptz,
    period_end timestamptz,
    opening numeric,
    issued numeric,
    carried_over numeric,
    spent numeric,
    expired numeric,
    forfeited numeric,
    reversed numeric,
    adjusted numeric,
    closing numeric,
    credit_class text,
    transferred numeric
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
    v_last := least(
        CASE WHEN liability.until > '0001-01-01' THEN liability.until - interval '1 microsecond' ELSE liability.until END,
        v_now
    );
    v_starts := ledger_core.period_starts(liability.by, liability.time_zone, liability.since, v_last);

    RETURN QUERY
    WITH unordered AS MATERIALIZED (
        -- Accounts with entries that do not count from their own time on, as ledger_core.last_seq_at has it: those before
        -- in_order_from count from the time of the next entry on at the latest, and all before one of the future that nothing
        -- has followed yet from a little ago on.
        SELECT
            accounts.owner_id,
            CASE WHEN accounts.last_entry_at > v_now THEN accounts.last_seq ELSE accounts.in_order_from - 1 END AS up_to_seq,
            CASE WHEN accounts.last_entry_at > v_now THEN v_now - ledger_core.clock_tolerance() END AS at_the_latest
        FROM ledger.accounts
        WHERE accounts.asset = liability.asset AND (accounts.in_order_from > 1 OR accounts.last_entry_at > v_now)
    ),

    entries AS NOT MATERIALIZED (
        SELECT
            movements.owner_id, movements.asset, movements.seq, movements.recorded_at, movements.amount,
            movements.movement, NULL AS credit_class
        FROM ledger_core.movements
        WHERE liability.by_class IS NOT TRUE
        UNION ALL
        SELECT
            movements.owner_id, movements.asset, movements.seq, movements.recorded_at, movements.amount,
            movements.movement, movements.credit_class
        FROM ledger_core.movements_by_class AS movements
        WHERE liability.by_class
    ),

    moved AS (
        SELECT movements.recorded_at AS at, movements.movement, movements.amount, movements.credit_class
        FROM entries AS movements
        WHERE movements.asset = liability.asset AND NOT EXISTS (
            SELECT 1 FROM unordered
            WHERE unordered.owner_id = movements.owner_id AND movements.seq <= unordered.up_to_seq
        )
        UNION ALL
        SELECT least(late.at, late.at_the_latest), late.movement, late.amount, late.credit_class
        FROM (
            SELECT
                movements.movement,
                movements.amount,
                movements.credit_class,
                unordered.at_the_latest,
                movements.seq <= unordered.up_to_seq AS is_late,
                min(movements.recorded_at) OVER (
                    PARTITION BY movements.owner_id ORDER BY movements.seq DESC
                ) AS at
            FROM unordered
            INNER JOIN entries AS movements ON unordered.owner_id = movements.owner_id
            WHERE movements.asset = liability.asset AND movements.seq <= unordered.up_to_seq + 1
        ) AS late
        WHERE late.is_late
        UNION ALL
        -- What is not posted yet
        SELECT
            due.at,
            CASE due.kind WHEN 'expiry' THEN 'expired' WHEN 'carry_over' THEN 'carried over' ELSE 'issued' END,
            parts.amount,
            parts.credit_class
        FROM ledger.accounts
        CROSS JOIN LATERAL ledger_core.clock_events(accounts.owner_id, accounts.asset, v_now, v_last) AS due
        LEFT JOIN ledger.lots
            ON liability.by_class AND due.kind = 'expiry'
            AND accounts.owner_id = lots.owner_id AND accounts.asset = lots.asset AND due.seq = lots.seq
        LEFT JOIN ledger.allowances
            ON liability.by_class AND due.kind <> 'hold_end'
            AND accounts.owner_id = allowances.owner_id AND due.app = allowances.app AND due.nonce = allowances.nonce
        -- What fills an overdraft has no class.
        CROSS JOIN LATERAL (
            VALUES
            (
                coalesce(lots.credit_class, allowances.credit_class),
                CASE due.kind WHEN 'expiry' THEN due.amount ELSE due.free END
            ),
            (NULL, CASE due.kind WHEN 'expiry' THEN 0 ELSE due.amount - due.free END)
        ) AS parts (credit_class, amount)
        WHERE accounts.asset = liability.asset AND accounts.next_due_at <= v_last AND due.kind <> 'hold_end'
    ),

    sums AS (
        SELECT
            -- 0: before the first period
            width_bucket(moved.at, v_starts) AS number,
            moved.credit_class,
            sum(moved.amount) FILTER (WHERE moved.movement = 'issued') AS issued,
            sum(moved.amount) FILTER (WHERE moved.movement = 'carried over') AS carried_over,
            sum(moved.amount) FILTER (WHERE moved.movement = 'spent') AS spent,
            sum(moved.amount) FILTER (WHERE moved.movement = 'expired') AS expired,
            sum(moved.amount) FILTER (WHERE moved.movement = 'forfeited') AS forfeited,
            sum(moved.amount) FILTER (WHERE moved.movement = 'reversed') AS reversed,
            sum(moved.amount) FILTER (WHERE moved.movement = 'adjusted') AS adjusted,
            sum(moved.amount) FILTER (WHERE moved.movement = 'transferred') AS transferred,
            sum(moved.amount) AS total
        FROM moved
        WHERE moved.at <= v_last
        GROUP BY 1, 2
    ),

    running AS (
        SELECT
            numbers.number,
            classes.credit_class,
            coalesce(sums.issued, 0) AS issued,
            coalesce(sums.carried_over, 0) AS carried_over,
            coalesce(sums.spent, 0) AS spent,
            coalesce(sums.expired, 0) AS expired,
            coalesce(sums.forfeited, 0) AS forfeited,
            coalesce(sums.reversed, 0) AS reversed,
            coalesce(sums.adjusted, 0) AS adjusted,
            coalesce(sums.transferred, 0) AS transferred,
            coalesce(sums.total, 0) AS total,
            coalesce(
                sum(sums.total) OVER (PARTITION BY classes.credit_class ORDER BY numbers.number), 0
            ) AS closing
        FROM generate_series(0, cardinality(v_starts)) AS numbers (number)
        CROSS JOIN (
            SELECT NULL AS credit_class
            UNION
            SELECT sums.credit_class FROM sums
        ) AS classes
        LEFT JOIN sums
            ON numbers.number = sums.number AND classes.credit_class IS NOT DISTINCT FROM sums.credit_class
    )

    SELECT
        v_starts[running.number],
        -- Not the time now, which differs from partition to partition
        coalesce(v_starts[running.number + 1], CASE WHEN liability.until <= v_now THEN liability.until END),
        running.closing - running.total,
        running.issued,
        running.carried_over,
        running.spent,
        running.expired,
        running.forfeited,
        running.reversed,
        running.adjusted,
        running.closing,
        running.credit_class,
        running.transferred
    FROM running
    WHERE running.number > 0
    ORDER BY running.number, running.credit_class;
END
$$;

COMMENT ON FUNCTION ledger.liability IS
'What is owed to all owners together, period by period, for finance: one row for each period by the calendar of time_zone, in
signed whole units of the asset. The first one begins at since (included), the last one ends at until (excluded; null, or later
than now: now).
period_end: null for the period that is not over. opening: the sum of all balances before. issued: credits that operations and allowances gave.
carried_over: what of expired credits of allowances goes on as new ones. spent: what operations took (not positive). expired,
forfeited: not positive. What happens by the clock counts from its moment on even if it is not posted yet. reversed: by REVERSAL entries, of either
sign. adjusted: by operators. transferred: between owners, which comes to 0 but for what one class pays of another. closing: the sum of all
balances at the end. opening + issued + carried_over + spent + expired + forfeited + reversed + adjusted + transferred = closing. An entry counts from the same time on as in ledger.balance_at, so that closing is the sum of that over all
owners; negative balances lower it.
by: day, week, month, quarter, year, or ever for a single row. time_zone: an IANA name. At most 1000 periods. by_class: a row for each class of
credits in each period; they add up to the rows without it. credit_class: free, paid, or null for all others. What a spend took
of which class is what it took of lots. Reads all entries of the asset.
Raises LG001.';
