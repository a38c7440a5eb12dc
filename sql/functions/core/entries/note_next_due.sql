CREATE OR REPLACE FUNCTION ledger_core.note_next_due(owner_id text, asset text)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_due timestamptz := ledger_core.next_due(note_next_due.owner_id, note_next_due.asset);
BEGIN
    UPDATE ledger.accounts
    SET next_due_at = v_due
    WHERE owner_id = note_next_due.owner_id AND asset = note_next_due.asset AND next_due_at <> v_due;
END
$$;

COMMENT ON FUNCTION ledger_core.note_next_due IS
'Notes in the account when its next hold or lot ends; called after every change of its holds or lots.';
