CREATE OR REPLACE FUNCTION ledger_core.refuse_change()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM ledger_core.refuse('append_only', jsonb_build_object('attempted', lower(tg_op)));
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION ledger_core.refuse_change IS
'Trigger: raises LG901. The books are append only.';
