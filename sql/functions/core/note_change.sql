CREATE OR REPLACE FUNCTION ledger_core.note_change(change text, operation text, app text, rule jsonb)
RETURNS void
LANGUAGE sql
AS $$
INSERT INTO ledger.operation_changes (changed_by, change, operation, app, rule)
VALUES (
    ledger_core.caller_role(), note_change.change, note_change.operation, note_change.app,
    note_change.rule - 'operation' - 'app'
)
$$;

COMMENT ON FUNCTION ledger_core.note_change(text, text, text, jsonb) IS
'Keeps one change of the catalogue with time and role in ledger.operation_changes.';
