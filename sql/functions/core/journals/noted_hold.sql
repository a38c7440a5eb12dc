-- requires: functions/core/requests/json_time
-- Has settings of its own because intervals as JSON follow the settings of the session.
CREATE OR REPLACE FUNCTION ledger_core.noted_hold(hold ledger.holds, lots jsonb)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET intervalstyle = 'postgres'
AS $$
BEGIN
    RETURN jsonb_build_object(
        'operation', hold.operation,
        'amount', hold.amount,
        'captured', hold.captured,
        'status', hold.status,
        'placed_at', ledger_core.json_time(hold.placed_at),
        'expires_in', hold.expires_in,
        'expires_at', ledger_core.json_time(hold.expires_at),
        'closed_at', ledger_core.json_time(hold.closed_at),
        'metadata', hold.metadata,
        'lots', coalesce(lots, '{}')
    );
END
$$;

COMMENT ON FUNCTION ledger_core.noted_hold IS
'A hold as ledger.hold_events keeps it, the same in every session. lots: an object of the amounts that it reserves, by
lot_seq, or null.';
