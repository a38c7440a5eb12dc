-- A plain SELECT, so that the planner inlines it.
-- Entries older than ledger_core.nonces have their nonces in their own index only, and so do holds that calls of an old
-- version place during an upgrade.
CREATE OR REPLACE FUNCTION ledger_core.uses_of_nonce(app text, nonce text)
RETURNS TABLE (is_used boolean)
LANGUAGE sql
STABLE
AS $$
SELECT TRUE FROM ledger_core.nonces AS uses WHERE uses.app = uses_of_nonce.app AND uses.nonce = uses_of_nonce.nonce
UNION ALL
SELECT TRUE FROM ledger.entries AS uses WHERE uses.app = uses_of_nonce.app AND uses.nonce = uses_of_nonce.nonce
UNION ALL
SELECT TRUE FROM ledger.holds AS uses WHERE uses.app = uses_of_nonce.app AND uses.nonce = uses_of_nonce.nonce
$$;

COMMENT ON FUNCTION ledger_core.uses_of_nonce IS
'A row or more if an entry, a hold or a growth of the app, of whatever owner, has the nonce.';
