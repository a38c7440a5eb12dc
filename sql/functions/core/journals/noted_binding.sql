-- requires: functions/core/requests/json_time
CREATE OR REPLACE FUNCTION ledger_core.noted_binding(bound_at timestamptz)
RETURNS jsonb
LANGUAGE sql
STABLE
AS $$ SELECT jsonb_build_object('bound_at', ledger_core.json_time(bound_at)) $$;

COMMENT ON FUNCTION ledger_core.noted_binding IS
'The binding of a login to an app as ledger.operation_changes keeps it.';
