-- requires: functions/core/journals/noted_options, functions/core/requests/json_time, functions/core/journals/interval_text
-- Inlined by the planner wherever it is used. Intervals as text follow the settings of the session, which are nearly always
-- these already: a function with settings of its own is dear.
CREATE OR REPLACE FUNCTION ledger_core.noted_hold(hold ledger.holds, lots jsonb)
RETURNS jsonb
LANGUAGE sql
STABLE
AS $$
SELECT ledger_core.noted_options(hold) || jsonb_build_object(
    'operation', hold.operation,
    'amount', hold.amount,
    'captured', hold.captured,
    'status', hold.status,
    'placed_at', ledger_core.json_time(hold.placed_at),
    'expires_in', CASE current_setting('intervalstyle')
        WHEN 'postgres' THEN hold.expires_in::text
        ELSE ledger_core.interval_text(hold.expires_in)
    END,
    'expires_at', ledger_core.json_time(hold.expires_at),
    'closed_at', ledger_core.json_time(hold.closed_at),
    'metadata', hold.metadata,
    'lots', coalesce(lots, '{}')
)
$$;

COMMENT ON FUNCTION ledger_core.noted_hold IS
'A hold as ledger.hold_events keeps it, the same in every session. lots: an object of the amounts that it reserves, by
lot_seq, or null.';
