CREATE OR REPLACE FUNCTION ledger_core.heads_digest(horizon xid8)
RETURNS TABLE (digest text, accounts bigint, entries bigint)
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT
        encode(coalesce(
            ledger_core.chain(
                decode(repeat('00', 32), 'hex'),
                decode(replace(
                    length(heads.owner_id)::text || ':' || heads.owner_id || ',' || heads.asset || ',' || heads.seq::text || ',',
                    E'\\', E'\\\\'
                ), 'escape') || heads.hash
                ORDER BY heads.owner_id, heads.asset
            ),
            decode(repeat('00', 32), 'hex')
        ), 'hex'),
        count(*),
        coalesce(sum(heads.seq), 0)::bigint
    FROM (
        SELECT accounts.owner_id, accounts.asset, newest.seq, newest.hash
        FROM ledger.accounts
        -- Backwards from the head: no need to read what is older than the horizon.
        CROSS JOIN LATERAL (
            SELECT entries.seq, entries.hash
            FROM ledger.entries
            WHERE entries.owner_id = accounts.owner_id AND entries.asset = accounts.asset
                AND entries.xact_id < heads_digest.horizon
            ORDER BY entries.seq DESC
            LIMIT 1
        ) AS newest
    ) AS heads;
END
$$;

COMMENT ON FUNCTION ledger_core.heads_digest(xid8) IS
'SHA-256 chain over owner, asset, seq and hash of the newest entry of every account among those of transactions before the horizon, in the order of the keys; with the number of accounts and entries.';
