-- requires: functions/core/requests/json_time
CREATE OR REPLACE FUNCTION ledger_core.noted_app(description text, registered_at timestamptz)
RETURNS jsonb
LANGUAGE sql
STABLE
AS $$
SELECT jsonb_build_object('description', description, 'registered_at', ledger_core.json_time(registered_at))
$$;

COMMENT ON FUNCTION ledger_core.noted_app IS
'An app as ledger.operation_changes keeps it.';
