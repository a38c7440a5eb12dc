CREATE OR REPLACE FUNCTION ledger_core.shared_nonces(first text, last text, included boolean)
RETURNS TABLE (owner_id text, asset text, app text, nonce text)
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT holds.owner_id::text, holds.asset::text, holds.app::text, holds.nonce::text
    FROM ledger.holds
    INNER JOIN ledger.entries ON holds.app = entries.app AND holds.nonce = entries.nonce
    WHERE ledger_core.owner_in_range(holds.owner_id, first, last, included)
        AND NOT EXISTS (
            SELECT 1 FROM ledger.hold_events AS events
            WHERE events.owner_id = holds.owner_id AND events.asset = holds.asset AND events.app = holds.app
                AND events.hold_nonce = holds.nonce AND events.event = 'nonce_shared'
        );
END
$$;

COMMENT ON FUNCTION ledger_core.shared_nonces IS
'Holds of a range of owners whose nonce an entry has as well, and that no nonce_shared in ledger.hold_events vouches for.';
