CREATE OR REPLACE FUNCTION ledger_core.noted_definition(definition ledger.budget_definitions)
RETURNS jsonb
LANGUAGE sql
STABLE
AS $$ SELECT to_jsonb(noted_definition.definition) $$;

COMMENT ON FUNCTION ledger_core.noted_definition IS
'A budget of everybody as ledger.operation_changes keeps it.';
