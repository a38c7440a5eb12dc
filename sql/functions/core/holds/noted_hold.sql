-- requires: functions/core/requests/json_time
-- Intervals as JSON follow the settings of the session, unless a function has its own.
CREATE OR REPLACE FUNCTION ledger_core.noted_hold(
    operation text,
    amount bigint,
    captured bigint,
    status text,
    placed_at timestamptz,
    expires_in interval,
    expires_at timestamptz,
    closed_at timestamptz,
    metadata jsonb,
    lots jsonb
)
RETURNS jsonb
LANGUAGE sql
STABLE
SET intervalstyle = 'postgres'
AS $$
SELECT jsonb_build_object(
    'operation', operation,
    'amount', amount,
    'captured', captured,
    'status', status,
    'placed_at', ledger_core.json_time(placed_at),
    'expires_in', expires_in,
    'expires_at', ledger_core.json_time(expires_at),
    'closed_at', ledger_core.json_time(closed_at),
    'metadata', metadata,
    'lots', coalesce(lots, '{}')
)
$$;

COMMENT ON FUNCTION ledger_core.noted_hold IS 'A hold as ledger.hold_events keeps it, the same in every session; lots: an object of the amounts that it reserves, by lot_seq, or null.';
