-- requires: functions/core/entries/next_expiry, functions/core/allowances/next_allowance
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
    (SELECT expiry.due_at FROM ledger_core.next_expiry(next_event.owner_id, next_event.asset) AS expiry),
    (SELECT allowance.due_at FROM ledger_core.next_allowance(next_event.owner_id, next_event.asset) AS allowance)
)
$$;

COMMENT ON FUNCTION ledger_core.next_event IS
'One row: the time at which the account''s next hold ends, its next credits that no hold reserves expire, or its next allowance
comes; infinity if there are none of them, ledger_core.never_due if there are only credits that will not expire.';
