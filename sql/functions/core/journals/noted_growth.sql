-- requires: functions/core/requests/json_time
CREATE OR REPLACE FUNCTION ledger_core.noted_growth(nonce text, amount bigint, grown_at timestamptz)
RETURNS jsonb
LANGUAGE sql
STABLE
AS $$
SELECT jsonb_build_object('nonce', nonce, 'by', amount, 'grown_at', ledger_core.json_time(grown_at))
$$;

COMMENT ON FUNCTION ledger_core.noted_growth IS
'A growth of a hold as the line of ledger.hold_events about it keeps it.';
