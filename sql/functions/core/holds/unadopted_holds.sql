-- requires: functions/core/proof/verify_hold_events
CREATE OR REPLACE FUNCTION ledger_core.unadopted_holds(of_owner text DEFAULT NULL)
RETURNS TABLE (owner_id text, asset text, app text, nonce text)
LANGUAGE sql
STABLE
AS $$
SELECT
    wrong.owner_id,
    wrong.asset,
    wrong.detail ->> 'app',
    wrong.detail ->> 'nonce'
FROM ledger_core.verify_hold_events(coalesce(unadopted_holds.of_owner, ''), unadopted_holds.of_owner, TRUE) AS wrong
WHERE jsonb_typeof(wrong.detail -> 'found') = 'object'
ORDER BY wrong.owner_id, wrong.asset, 3, 4
$$;

COMMENT ON FUNCTION ledger_core.unadopted_holds IS
'Holds of an owner, or of all, that are not as their last event left them. Calls of a version without this journal leave them behind while it is upgraded.';
