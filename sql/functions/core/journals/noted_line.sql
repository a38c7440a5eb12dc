-- requires: functions/core/journals/hashed_hold_event, functions/core/entries/chain_hash
-- requires: functions/core/constants/zero_hash
-- A plain SELECT, so that the planner inlines it.
CREATE OR REPLACE FUNCTION ledger_core.noted_line(
    hold ledger.holds, noted jsonb, event text, happened_at timestamptz, seq bigint
)
RETURNS TABLE (event_seq bigint, hold_noted jsonb, xact_id xid8, hash bytea)
LANGUAGE sql
STABLE
AS $$
SELECT
    line.event_seq,
    line.noted,
    line.xact_id,
    ledger_core.chain_hash(line.previous, ledger_core.hashed_hold_event(
        (
            line.event_seq, noted_line.happened_at, hold.owner_id, hold.asset, hold.app, hold.nonce, noted_line.event,
            noted_line.seq, line.noted, line.xact_id, NULL
        )::ledger.hold_events
    ))
FROM (
    SELECT
        coalesce(head.event_seq, 0) + 1 AS event_seq,
        coalesce(head.hash, ledger_core.zero_hash()) AS previous,
        noted_line.noted AS noted,
        pg_current_xact_id() AS xact_id
    FROM (VALUES (TRUE)) AS one (line)
    -- The caller holds the account's lock until it commits, so nobody else adds a line meanwhile.
    LEFT JOIN LATERAL (
        SELECT events.event_seq, events.hash
        FROM ledger.hold_events AS events
        WHERE events.owner_id = hold.owner_id AND events.asset = hold.asset
        ORDER BY events.event_seq DESC
        LIMIT 1
    ) AS head ON TRUE
    OFFSET 0
) AS line
$$;

COMMENT ON FUNCTION ledger_core.noted_line IS
'What a line of ledger.hold_events has besides its arguments: one row, chained to the line before of the hold''s account,
which is locked. noted: for the column hold.';
