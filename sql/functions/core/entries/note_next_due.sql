-- requires: functions/core/entries/next_event
CREATE OR REPLACE FUNCTION ledger_core.note_next_due(owner_id text, asset text)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    UPDATE ledger.accounts
    SET next_due_at = next_event.due_at
    FROM ledger_core.next_event(note_next_due.owner_id, note_next_due.asset) AS next_event
    WHERE owner_id = note_next_due.owner_id AND asset = note_next_due.asset AND next_due_at <> next_event.due_at;
END
$$;

COMMENT ON FUNCTION ledger_core.note_next_due IS
'Notes in the account when its next hold or lot ends; called after every change of its holds or lots.';
