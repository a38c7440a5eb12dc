-- requires: functions/core/json_time
CREATE OR REPLACE FUNCTION ledger_core.app_facts(description text, registered_at timestamptz)
RETURNS jsonb
LANGUAGE sql
STABLE
AS $$
SELECT jsonb_build_object('description', description, 'registered_at', ledger_core.json_time(registered_at))
$$;

COMMENT ON FUNCTION ledger_core.app_facts(text, timestamptz) IS
'An app as ledger.operation_changes keeps it.';
