CREATE OR REPLACE FUNCTION ledger_core.check_partition(owner_id text)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    IF NOT ledger_core.keeps_owner(owner_id) THEN
        PERFORM ledger_core.refuse('wrong_partition', (
            SELECT jsonb_build_object(
                'owner_id', check_partition.owner_id,
                'bucket', ledger_core.bucket(check_partition.owner_id, kept_buckets.buckets),
                'partition', kept_buckets.partition_name
            )
            FROM ledger_core.kept_buckets
        ));
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_partition IS
'Raises LG311 unless ledger_core.keeps_owner(owner_id). For owners without an account: one that has an account was checked
when that was created.';
