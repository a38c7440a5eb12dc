CREATE OR REPLACE FUNCTION ledger_core.fresh_nonces_only(app text, nonces text [], plain boolean [])
RETURNS boolean []
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    RETURN (
        SELECT array_agg(marked.plain ORDER BY marked.position)
        FROM (
            SELECT
                items.position,
                items.plain
                AND count(*) OVER (PARTITION BY items.nonce) = 1
                AND NOT EXISTS (
                    SELECT 1 FROM ledger.entries
                    WHERE entries.app = fresh_nonces_only.app AND entries.nonce = items.nonce
                ) AS plain
            FROM unnest(nonces, plain) WITH ORDINALITY AS items (nonce, plain, position)
        ) AS marked
    );
END
$$;

COMMENT ON FUNCTION ledger_core.fresh_nonces_only(text, text [], boolean []) IS
'By position: plain, unless the item''s nonce is used already or comes twice in the batch.';
