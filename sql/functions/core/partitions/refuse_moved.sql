CREATE OR REPLACE FUNCTION ledger_core.refuse_moved()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM ledger_core.refuse('wrong_partition', (
        SELECT jsonb_build_object('partition', kept_buckets.partition_name, 'moved', TRUE)
        FROM ledger_core.kept_buckets
    ));
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION ledger_core.refuse_moved IS
'Trigger: raises LG311 for every change. `ledger cluster move` puts it on all tables of a partition that has moved to another
server, so that nothing can be recorded in both places.';
