CREATE OR REPLACE FUNCTION ledger_core.needs_generation()
RETURNS boolean
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    RETURN coalesce(ledger_core.is_away(), FALSE) OR ledger_core.ids_have_run_back();
END
$$;

COMMENT ON FUNCTION ledger_core.needs_generation IS
'True if the ledger was moved to another server since the current generation was begun, or ids have run back. On another
server, what is recorded now could have ids that checkpoints and entries of the old one have as well.';
