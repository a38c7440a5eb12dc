CREATE OR REPLACE FUNCTION ledger_core.refuse_closed_hold(app text, hold_nonce text, status text, closed_at timestamptz)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    -- hold_status because a problem has a status of its own, that of HTTP; status is older.
    PERFORM ledger_core.refuse('hold_closed', jsonb_build_object(
        'app', app, 'hold_nonce', hold_nonce, 'status', status, 'hold_status', status,
        'closed_at', ledger_core.json_time(closed_at)
    ));
END
$$;

COMMENT ON FUNCTION ledger_core.refuse_closed_hold IS
'Raises LG304: the hold was captured, released, or expired.';
