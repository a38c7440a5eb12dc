CREATE OR REPLACE FUNCTION ledger_core.verify_losses()
RETURNS SETOF ledger.discrepancy
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    RETURN QUERY
    SELECT
        'lost in a rollback', losses.table_name::text, NULL::text, NULL::text, NULL::bigint,
        jsonb_strip_nulls(jsonb_build_object(
            'rows', losses.row_count, 'column', losses.column_name, 'dropped', losses.dropped,
            'migration', losses.migration, 'lost_at', ledger_core.json_time(losses.lost_at), 'lost_by', losses.lost_by
        ))
    FROM ledger_core.losses
    WHERE losses.schema_name = 'ledger'
        -- The journal of the catalogue still has what was deleted from the catalogue.
        AND (losses.dropped OR losses.table_name NOT IN ('apps', 'operations', 'app_operations', 'app_roles'))
    ORDER BY losses.loss_id;
END
$$;

COMMENT ON FUNCTION ledger_core.verify_losses IS
'What rollbacks of migrations have lost of the books. It cannot be mended: nothing can prove what is gone.';
