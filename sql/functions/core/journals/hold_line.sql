-- requires: functions/core/journals/noted_hold, functions/core/journals/noted_line
-- A plain SELECT, so that the planner inlines it.
CREATE OR REPLACE FUNCTION ledger_core.hold_line(
    hold ledger.holds, lots jsonb, event text, happened_at timestamptz, seq bigint
)
RETURNS TABLE (event_seq bigint, noted jsonb, xact_id xid8, hash bytea)
LANGUAGE sql
STABLE
AS $$
SELECT line.event_seq, line.hold_noted, line.xact_id, line.hash
FROM ledger_core.noted_line(
    hold, ledger_core.noted_hold(hold, lots), hold_line.event, hold_line.happened_at, hold_line.seq
) AS line
$$;

COMMENT ON FUNCTION ledger_core.hold_line IS
'What a line of ledger.hold_events has besides its arguments: one row, chained to the line before of the hold''s account,
which is locked. hold: as it is after the event. noted: for the column hold. lots, seq: see ledger_core.journal_hold.';
