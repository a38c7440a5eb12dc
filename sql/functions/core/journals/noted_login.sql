-- requires: functions/core/requests/json_time
CREATE OR REPLACE FUNCTION ledger_core.noted_login(bound_at timestamptz, may_set_budgets boolean)
RETURNS jsonb
LANGUAGE sql
STABLE
AS $$
SELECT jsonb_build_object('bound_at', ledger_core.json_time(bound_at))
    || CASE WHEN may_set_budgets THEN '{"may_set_budgets": true}' ELSE '{}' END::jsonb
$$;

COMMENT ON FUNCTION ledger_core.noted_login IS
'The binding of a login to an app as ledger.operation_changes keeps it.';
