CREATE OR REPLACE FUNCTION ledger.kept_buckets()
RETURNS TABLE (partition_name text, buckets integer, kept int4multirange)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        mine.partition_name,
        mine.buckets,
        mine.kept
    FROM ledger_core.kept_buckets AS mine
$$;

COMMENT ON FUNCTION ledger.kept_buckets IS
'The partition of a cluster that this ledger is: its name, the number of buckets of the whole cluster, and those that it
keeps. No row if it is no partition. Owners of other buckets get LG311 here.';
