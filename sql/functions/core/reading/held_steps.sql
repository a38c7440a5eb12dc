-- Walks back from what is held now, because the journal of holds keeps each hold and not their sum.
CREATE OR REPLACE FUNCTION ledger_core.held_steps(owner_id text, asset text, since timestamptz)
RETURNS TABLE (number bigint, at timestamptz, held bigint)
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_held bigint;
    v_latest timestamptz;
BEGIN
    -- What is posted came before what is due, also if a clock was ahead when it was posted.
    SELECT accounts.held, least(ledger_core.clock(), accounts.next_due_at - interval '1 microsecond')
    INTO v_held, v_latest
    FROM ledger.accounts
    WHERE accounts.owner_id = held_steps.owner_id AND accounts.asset = held_steps.asset;

    RETURN QUERY
    WITH newest AS MATERIALIZED (
        SELECT
            events.event_seq, events.happened_at, events.event, events.seq, events.app, events.hold_nonce,
            (events.hold ->> 'amount')::bigint - (events.hold ->> 'captured')::bigint AS remaining,
            (events.hold #>> '{growth,by}')::bigint AS growth,
            events.hold ->> 'status' = 'open' AS open
        FROM ledger.hold_events AS events
        WHERE events.owner_id = held_steps.owner_id AND events.asset = held_steps.asset
        ORDER BY events.event_seq DESC
        LIMIT ledger_core.timeline_hold_events()
    ),

    changes AS (
        SELECT
            newest.event_seq,
            -- What happened while the clock was ahead counts from the next event on.
            least(v_latest, min(newest.happened_at) OVER (ORDER BY newest.event_seq DESC)) AS at,
            CASE WHEN newest.open THEN newest.remaining ELSE 0 END AS reserved,
            coalesce(
                lag(CASE WHEN newest.open THEN newest.remaining ELSE 0 END) OVER (
                    PARTITION BY newest.app, newest.hold_nonce ORDER BY newest.event_seq
                ),
                -- The event before is not among those read.
                CASE
                    WHEN newest.event = 'placed' THEN 0
                    WHEN newest.event = 'captured' THEN newest.remaining - captures.amount
                    WHEN newest.event = 'grown' THEN newest.remaining - newest.growth
                    WHEN newest.event IN ('released', 'expired') THEN newest.remaining
                    WHEN newest.event IN ('extended', 'nonce_shared') AND newest.open THEN newest.remaining
                    WHEN newest.event = 'nonce_shared' THEN 0
                END
            ) AS reserved_before
        FROM newest
        LEFT JOIN LATERAL (
            SELECT entries.amount
            FROM ledger.entries
            WHERE newest.event = 'captured' AND entries.owner_id = held_steps.owner_id
                AND entries.asset = held_steps.asset AND entries.seq = newest.seq
            OFFSET 0
        ) AS captures ON TRUE
    ),

    steps AS (
        SELECT
            changes.event_seq AS number,
            changes.at,
            v_held - coalesce(sum(changes.reserved - changes.reserved_before) OVER after, 0) AS held,
            -- An event of a hold that is older than the journal does not say what there was before it.
            coalesce(bool_and(changes.reserved_before IS NOT NULL) OVER after, TRUE) AS known,
            changes.reserved - changes.reserved_before AS change
        FROM changes
        WINDOW after AS (
            ORDER BY changes.event_seq DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        )
    )

    SELECT 0::bigint, '-infinity'::timestamptz, CASE
        WHEN before.number IS NULL THEN v_held
        WHEN before.at <= held_steps.since AND before.known THEN before.held::bigint
        WHEN before.at > held_steps.since AND before.known AND before.number = 1 THEN (before.held - before.change)::bigint
    END
    FROM (SELECT) AS one
    LEFT JOIN (
        SELECT steps.* FROM steps
        ORDER BY steps.at <= held_steps.since DESC, CASE WHEN steps.at <= held_steps.since THEN -steps.number ELSE steps.number END
        LIMIT 1
    ) AS before ON TRUE
    UNION ALL
    SELECT steps.number, steps.at, CASE WHEN steps.known THEN steps.held::bigint END
    FROM steps
    WHERE steps.at > held_steps.since;
END
$$;

COMMENT ON FUNCTION ledger_core.held_steps IS
'What open holds reserve of an account after each event of its holds since a time (exclusive), and first, under number 0, at
that time. Ends of holds that are not posted yet do not count. held is null where the journal does not tell: before the
newest ledger_core.timeline_hold_events() events, and before holds that are older than the journal were noted in it.';
