-- requires: functions/core/proof/verify_hold_events, functions/core/proof/shared_nonces
CREATE OR REPLACE FUNCTION ledger_core.holds_to_adopt(of_owner text DEFAULT NULL)
RETURNS TABLE (owner_id text, asset text, app text, nonce text, event text)
LANGUAGE sql
STABLE
AS $$
SELECT
    wrong.owner_id,
    wrong.asset,
    wrong.detail ->> 'app',
    wrong.detail ->> 'nonce',
    'adopted'
FROM ledger_core.verify_hold_events(coalesce(holds_to_adopt.of_owner, ''), holds_to_adopt.of_owner, TRUE) AS wrong
WHERE jsonb_typeof(wrong.detail -> 'found') = 'object'
UNION ALL
SELECT
    shared.owner_id,
    shared.asset,
    shared.app,
    shared.nonce,
    'nonce_shared'
FROM ledger_core.shared_nonces(coalesce(holds_to_adopt.of_owner, ''), holds_to_adopt.of_owner, TRUE) AS shared
ORDER BY 1, 2, 5, 3, 4
$$;

COMMENT ON FUNCTION ledger_core.holds_to_adopt IS
'Holds of an owner (null: of all) about which ledger.hold_events lacks a line, and the event of that line. Calls of an old
version cause them: adopted, if the hold differs from its last event; nonce_shared, if an entry has the same nonce.';
