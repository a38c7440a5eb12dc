-- Times and intervals as JSON follow the settings of the session, unless a function has its own.
CREATE OR REPLACE FUNCTION ledger_core.noted_operation(operation ledger.operations)
RETURNS jsonb
LANGUAGE sql
STABLE
SET timezone = 'UTC'
SET intervalstyle = 'postgres'
AS $$ SELECT to_jsonb(noted_operation.operation) - 'operation' $$;

COMMENT ON FUNCTION ledger_core.noted_operation IS
'The rule of an operation as ledger.operation_changes keeps it, the same in every session.';
