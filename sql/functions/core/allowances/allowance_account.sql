-- requires: functions/core/requests/may_act_for
-- A plain SELECT, so that the planner inlines it.
CREATE OR REPLACE FUNCTION ledger_core.allowance_account(app text, allowance_nonce text, owner_id text)
RETURNS TABLE (holder_id text, asset text)
LANGUAGE sql
STABLE
AS $$
SELECT allowances.owner_id, allowances.asset
FROM ledger.allowances
WHERE allowances.app = allowance_account.app AND allowances.nonce = allowance_account.allowance_nonce
    AND ledger_core.may_act_for(allowance_account.app)
    AND (allowance_account.owner_id IS NULL OR allowances.owner_id = allowance_account.owner_id)
$$;

COMMENT ON FUNCTION ledger_core.allowance_account IS
'The account of an allowance of the app, if the caller may act for the app; otherwise no row, and ledger_core.refuse_allowance
says why. owner_id: whose allowance it must be, null for anybody''s.';
