CREATE OR REPLACE FUNCTION ledger_core.nonces_to_record_singly(app text, entries jsonb, thorough boolean)
RETURNS text []
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_nonces text [] := '{}';
BEGIN
    IF EXISTS (SELECT 1 FROM ledger.holds WHERE app = nonces_to_record_singly.app) THEN
        v_nonces := ARRAY(
            SELECT items.nonce
            FROM ledger_core.read_items(nonces_to_record_singly.app, nonces_to_record_singly.entries) AS items
            WHERE EXISTS (
                SELECT 1 FROM ledger.holds WHERE holds.app = nonces_to_record_singly.app AND holds.nonce = items.nonce
            )
        );
    END IF;
    IF thorough THEN
        v_nonces := v_nonces || ARRAY(
            SELECT items.nonce
            FROM ledger_core.read_items(nonces_to_record_singly.app, nonces_to_record_singly.entries) AS items
            GROUP BY items.nonce
            HAVING items.nonce IS NOT NULL AND (
                count(*) > 1
                OR EXISTS (
                    SELECT 1 FROM ledger.entries
                    WHERE entries.app = nonces_to_record_singly.app AND entries.nonce = items.nonce
                )
            )
        );
    END IF;
    RETURN v_nonces;
END
$$;

COMMENT ON FUNCTION ledger_core.nonces_to_record_singly IS
'The nonces of a batch''s items that must be recorded singly: those that holds have used and, if thorough, those that
entries have used or that come more than once.';
