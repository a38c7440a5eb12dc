-- requires: functions/core/requests/may_act_for
-- A plain SELECT, so that the planner inlines it.
CREATE OR REPLACE FUNCTION ledger_core.hold_account(app text, hold_nonce text, owner_id text)
RETURNS TABLE (holder_id text, asset text)
LANGUAGE sql
STABLE
AS $$
SELECT holds.owner_id, holds.asset
FROM ledger.holds
WHERE holds.app = hold_account.app AND holds.nonce = hold_account.hold_nonce AND ledger_core.may_act_for(hold_account.app)
    AND (hold_account.owner_id IS NULL OR holds.owner_id = hold_account.owner_id)
$$;

COMMENT ON FUNCTION ledger_core.hold_account IS
'The account of a hold of the app, if the caller may act for the app; otherwise no row, and ledger_core.refuse_hold says why.
owner_id: whose hold it must be, null for anybody''s.';
