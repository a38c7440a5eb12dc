-- requires: functions/core/entries/next_expiry
-- A plain SELECT, so that the planner inlines it.
CREATE OR REPLACE FUNCTION ledger_core.next_event(owner_id text, asset text)
RETURNS TABLE (due_at timestamptz)
LANGUAGE sql
STABLE
AS $$
SELECT least(
    (
        SELECT min(holds.expires_at) FROM ledger.holds
        WHERE holds.owner_id = next_event.owner_id AND holds.asset = next_event.asset AND holds.status = 'open'
    ),
    (SELECT expiry.due_at FROM ledger_core.next_expiry(next_event.owner_id, next_event.asset) AS expiry)
)
$$;

COMMENT ON FUNCTION ledger_core.next_event IS
'One row: the time at which the account''s next hold ends or its next credits that no hold reserves expire; infinity if
there are neither, ledger_core.never_due if there are only credits that will not.';
