-- A stretch keeps what a curve of its width can show: the least, the most and the last.
CREATE OR REPLACE FUNCTION ledger.timeline(
    owner_id text,
    asset text DEFAULT 'CREDIT',
    since timestamptz DEFAULT NULL,
    until timestamptz DEFAULT NULL,
    points integer DEFAULT 500
)
RETURNS TABLE (at timestamptz, balance bigint, held bigint, seq bigint)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- Of an owner with a million entries the planner expects so much that it would compile for three seconds.
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_until timestamptz := ledger_core.clock();
    v_first record;
    v_low bigint := 0;
    v_high bigint;
    v_steps record;
    v_due record;
    v_all boolean;
    v_stretches integer := 0;
    v_end timestamptz;
    v_ends timestamptz [] := '{}';
    v_seqs bigint [];
BEGIN
    PERFORM ledger_core.check_known_account(timeline.owner_id, timeline.asset);
    IF timeline.since IS NOT NULL THEN
        PERFORM ledger_core.check_past('since', timeline.since);
    END IF;
    IF timeline.until < timeline.since THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'until', 'reason', 'must not be before since'
        ));
    ELSIF coalesce(timeline.points NOT BETWEEN 10 AND ledger_core.max_page(), TRUE) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'points', 'reason', format('must be from 10 to %s', ledger_core.max_page())
        ));
    END IF;
    v_until := least(timeline.until, v_until);
    SELECT recorded_at, coalesce(timeline.since, '-infinity') AS since INTO v_first
    FROM ledger.entries
    WHERE owner_id = timeline.owner_id AND asset = timeline.asset AND seq = 1;
    IF NOT FOUND THEN
        -- The first entry may be one of an allowance that is not posted yet.
        SELECT min(due.at) AS recorded_at, coalesce(timeline.since, '-infinity') AS since INTO v_first
        FROM ledger_core.clock_events(timeline.owner_id, timeline.asset, ledger_core.clock(), v_until) AS due;
        IF v_first.recorded_at IS NULL THEN
            RETURN;
        END IF;
    END IF;

    IF timeline.since IS NOT NULL THEN
        v_low := ledger_core.last_seq_at(timeline.owner_id, timeline.asset, timeline.since);
    END IF;
    v_high := greatest(v_low, ledger_core.last_seq_at(timeline.owner_id, timeline.asset, v_until));
    -- In arrays, because they are needed twice.
    SELECT
        array_agg(steps.number ORDER BY steps.number) AS numbers,
        array_agg(steps.at ORDER BY steps.number) AS times,
        array_agg(steps.held ORDER BY steps.number) AS held,
        count(*) FILTER (WHERE steps.number > 0) AS amount
    INTO v_steps
    FROM ledger_core.held_steps(timeline.owner_id, timeline.asset, v_first.since) AS steps
    WHERE steps.at <= v_until;
    SELECT
        array_agg(due.number ORDER BY due.number) AS numbers,
        array_agg(due.at ORDER BY due.number) AS times,
        array_agg(due.balance ORDER BY due.number) AS balances,
        array_agg(due.held ORDER BY due.number) AS held,
        count(*) FILTER (WHERE due.at > v_first.since) AS amount
    INTO v_due
    FROM (
        SELECT events.at, events.balance, events.held, row_number() OVER () AS number
        FROM ledger_core.clock_events(timeline.owner_id, timeline.asset, ledger_core.clock(), v_until) AS events
    ) AS due;

    v_all := v_high - v_low + v_steps.amount + v_due.amount < timeline.points;
    IF v_all THEN
        v_seqs := array(SELECT generate_series(v_low, v_high));
    ELSE
        v_stretches := (timeline.points - 1) / (3 + sign(v_steps.amount)::integer * 3 + sign(v_due.amount)::integer * 3);
        v_seqs := ARRAY[v_low];
        FOR v_stretch IN 1..v_stretches LOOP
            v_end := greatest(v_first.since, v_first.recorded_at);
            v_end := v_end + (v_until - v_end) * (v_stretch::double precision / v_stretches);
            v_ends := v_ends || v_end;
            v_seqs := v_seqs || CASE
                WHEN v_stretch = v_stretches THEN v_high
                ELSE least(v_high, greatest(
                    v_seqs[v_stretch], ledger_core.last_seq_at(timeline.owner_id, timeline.asset, v_end)
                ))
            END;
        END LOOP;
    END IF;

    RETURN QUERY
    WITH stretches AS (
        SELECT
            v_seqs[number] + 1 AS first_seq,
            v_seqs[number + 1] AS last_seq,
            -- How many apart are the entries to read.
            CASE
                WHEN v_seqs[number + 1] - v_seqs[number] <= ledger_core.timeline_entries() / greatest(v_stretches, 1) THEN 1
                ELSE ceil(
                    (v_seqs[number + 1] - v_seqs[number]) * 10.0 * v_stretches / ledger_core.timeline_entries()
                )::bigint
            END AS apart
        FROM generate_series(1, cardinality(v_seqs) - 1) AS number
        WHERE v_seqs[number + 1] > v_seqs[number]
    ),

    kept_entries AS (
        SELECT DISTINCT unnest(ARRAY[(extremes.least)[2], (extremes.most)[2], stretches.last_seq]) AS seq
        FROM stretches
        CROSS JOIN LATERAL (
            SELECT
                min(ARRAY[read.balance_after, read.seq]) AS least,
                max(ARRAY[read.balance_after, read.seq]) AS most
            FROM (
                SELECT entries.seq, entries.balance_after
                FROM ledger.entries
                WHERE stretches.apart = 1
                    AND entries.owner_id = timeline.owner_id AND entries.asset = timeline.asset
                    AND entries.seq BETWEEN stretches.first_seq AND stretches.last_seq
                UNION ALL
                SELECT one.seq, one.balance_after
                FROM generate_series(
                    stretches.last_seq, CASE WHEN stretches.apart > 1 THEN stretches.first_seq END, -stretches.apart
                ) AS every (seq)
                -- OFFSET 0: a look-up in the primary key for each, whatever the planner thinks of the table.
                CROSS JOIN LATERAL (
                    SELECT entries.seq, entries.balance_after
                    FROM ledger.entries
                    WHERE entries.owner_id = timeline.owner_id AND entries.asset = timeline.asset
                        AND entries.seq = every.seq
                    OFFSET 0
                ) AS one
            ) AS read
        ) AS extremes
    ),

    steps AS MATERIALIZED (
        SELECT * FROM unnest(v_steps.numbers, v_steps.times, v_steps.held) AS changes (number, at, held)
    ),

    kept_steps AS (
        SELECT DISTINCT unnest(ARRAY[
            (min(ARRAY[steps.held, steps.number]) FILTER (WHERE steps.held IS NOT NULL))[2],
            (max(ARRAY[steps.held, steps.number]) FILTER (WHERE steps.held IS NOT NULL))[2],
            max(steps.number)
        ]) AS number
        FROM steps
        WHERE steps.number > 0
        GROUP BY CASE WHEN v_all THEN steps.number ELSE width_bucket(steps.at, v_ends) END
    ),

    due AS MATERIALIZED (
        SELECT *
        FROM unnest(v_due.numbers, v_due.times, v_due.balances, v_due.held) AS events (number, at, balance, held)
    ),

    kept_due AS (
        -- What is held only falls: the least is the last, and the most is what was before.
        SELECT DISTINCT unnest(ARRAY[
            (min(ARRAY[due.balance, due.number]))[2], (max(ARRAY[due.balance, due.number]))[2], max(due.number)
        ]) AS number
        FROM due
        WHERE due.at > v_first.since
        GROUP BY CASE WHEN v_all THEN due.number ELSE width_bucket(due.at, v_ends) END
    ),

    kept AS (
        SELECT one.at, one.balance, NULL::bigint AS held, one.seq, NULL::bigint AS number, FALSE AS posted
        FROM kept_entries
        CROSS JOIN LATERAL (
            SELECT entries.recorded_at AS at, entries.balance_after AS balance, entries.seq
            FROM ledger.entries
            WHERE entries.owner_id = timeline.owner_id AND entries.asset = timeline.asset
                AND entries.seq = kept_entries.seq
            OFFSET 0
        ) AS one
        UNION ALL
        SELECT steps.at, NULL, steps.held, NULL, steps.number, TRUE
        FROM steps
    ),

    with_held AS (
        SELECT
            kept.*,
            max(kept.number) OVER (ORDER BY kept.at RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS step
        FROM kept
    ),

    chosen AS (
        SELECT with_held.at, with_held.balance, steps.held, with_held.seq, 0::bigint AS number
        FROM with_held
        INNER JOIN steps ON with_held.step = steps.number
        WHERE NOT with_held.posted
        UNION ALL
        SELECT steps.at, past.posted, steps.held, past.seq, steps.number
        FROM kept_steps
        INNER JOIN steps ON kept_steps.number = steps.number
        CROSS JOIN LATERAL ledger_core.balance_at(timeline.owner_id, timeline.asset, steps.at) AS past
        UNION ALL
        SELECT due.at, due.balance, due.held, v_high, due.number
        FROM kept_due
        INNER JOIN due ON kept_due.number = due.number
        UNION ALL
        -- What was at the beginning.
        SELECT
            timeline.since, coalesce(overdue.balance, posted.balance_after, 0),
            coalesce(overdue.held, steps.held), v_low, 0
        FROM steps
        LEFT JOIN (SELECT due.* FROM due WHERE due.at <= timeline.since ORDER BY due.number DESC LIMIT 1) AS overdue
            ON TRUE
        LEFT JOIN ledger.entries AS posted
            ON posted.owner_id = timeline.owner_id AND posted.asset = timeline.asset AND posted.seq = v_low
        WHERE timeline.since IS NOT NULL AND steps.number = 0
    )

    -- As in ledger_core.last_seq_at, what was recorded while the clock was ahead counts from the next step on.
    SELECT
        least(v_until, min(placed.at) OVER (ORDER BY placed.seq DESC, placed.at DESC, placed.number DESC)) AS at,
        placed.balance,
        placed.held,
        placed.seq
    FROM (
        SELECT
            -- What follows an entry is not before it, where a clock was a little behind.
            greatest(once.at, max(once.at) FILTER (WHERE once.number = 0) OVER (PARTITION BY once.seq)) AS at,
            once.balance,
            once.held,
            once.seq,
            once.number
        FROM (
            SELECT chosen.at, chosen.balance, chosen.held, chosen.seq, max(chosen.number) AS number
            FROM chosen
            GROUP BY chosen.at, chosen.balance, chosen.held, chosen.seq
        ) AS once
    ) AS placed
    ORDER BY placed.seq, placed.at, placed.number;
END
$$;

COMMENT ON FUNCTION ledger.timeline IS
'The balance of an account from since to until (both included; null: from the first entry, until now; later than now means
now) as steps, oldest first: each row holds until the next one. At most points rows (10 to 1000). The first is the state at
since, if that is given; the last is the state at until.
at: when. balance: all credits then, in whole units of the asset; expiries count at their moment even if they are not posted
yet. held: what open holds reserved; null where that is not known, which is before the last 10000 events of the account''s
holds, and before a release that kept a journal of holds. seq: the last entry by then (0: none).
If there are more steps than points, time is divided into equal stretches. Each stretch keeps its last step and the steps
with the least and the most balance and held. Every row is a state that the account was in.
The time that this takes is bounded. With s stretches, the least and the most balance of a stretch are exact if it has at
most 150000 / s entries. Of a longer stretch every k-th entry is read, about 15000 / s in all, so that a spike of less than
k entries may be missed.
No rows for an unknown owner. Raises LG001.';
