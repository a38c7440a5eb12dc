CREATE OR REPLACE FUNCTION ledger.checkpoint()
RETURNS TABLE (horizon text, digest text, accounts bigint, entries bigint, taken_at timestamptz)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- Everything of older transactions is decided, so the same question has the same answer for ever.
    v_horizon xid8 := pg_snapshot_xmin(pg_current_snapshot());
BEGIN
    RETURN QUERY
    SELECT v_horizon::text, heads.digest, heads.accounts, heads.entries, clock_timestamp()
    FROM ledger_core.heads_digest(v_horizon) AS heads;
END
$$;

COMMENT ON FUNCTION ledger.checkpoint IS
'One digest over the newest entries, operator actions and hold events of all accounts and the newest change of the catalogue, and through their hashes over everything recorded before; accounts and entries count what of the entries it covers. Keep horizon and digest where nobody who can write this database can reach them; ledger.verify_checkpoint holds them against the books later.';
