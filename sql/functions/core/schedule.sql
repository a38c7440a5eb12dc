CREATE OR REPLACE FUNCTION ledger_core.schedule(owner_id text, asset text)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_due timestamptz := ledger_core.next_due(schedule.owner_id, schedule.asset);
BEGIN
    UPDATE ledger.accounts
    SET next_due_at = v_due
    WHERE owner_id = schedule.owner_id AND asset = schedule.asset AND next_due_at <> v_due;
END
$$;

COMMENT ON FUNCTION ledger_core.schedule(text, text) IS
'Notes in the account when its next hold or lot ends; called after every change of its holds or lots.';
