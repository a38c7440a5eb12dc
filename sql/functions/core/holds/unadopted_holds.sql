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
'Holds of an owner (null: of all) that differ from their last event. Calls of an old version that has no journal of holds
cause them during an upgrade.';
