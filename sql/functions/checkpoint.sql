CREATE OR REPLACE FUNCTION ledger.checkpoint()
RETURNS TABLE (horizon text, digest text, accounts bigint, entries bigint, taken_at timestamptz)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- Transactions before the horizon have all ended, so the digest for this horizon never changes.
    v_horizon xid8 := pg_snapshot_xmin(pg_current_snapshot());
    v_generation integer := (SELECT max(generations.generation) FROM ledger.generations);
BEGIN
    RETURN QUERY
    SELECT
        -- In the first generation as in release 0.1, which can verify it as well.
        CASE v_generation WHEN 1 THEN v_horizon::text ELSE v_generation || '-' || v_horizon END,
        heads.digest,
        heads.accounts,
        heads.entries,
        ledger_core.clock()
    FROM ledger_core.checkpoint_digest(v_generation, v_horizon) AS heads;
END
$$;

COMMENT ON FUNCTION ledger.checkpoint IS
'A digest over the newest entry, operator action and hold event of every account and the newest change of the catalogue.
Through their hashes it covers everything recorded before. accounts and entries: how many it covers.
Keep horizon and digest out of reach of those who can write this database, and pass them to ledger.verify_checkpoint
later.';
