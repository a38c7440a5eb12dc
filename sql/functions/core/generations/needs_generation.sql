CREATE OR REPLACE FUNCTION ledger_core.needs_generation()
RETURNS boolean
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    RETURN ledger_core.ids_have_run_back() OR EXISTS (
        SELECT 1 FROM ledger.generations
        WHERE end_entry_id IS NULL AND system_identifier <> ledger_core.system_identifier()
    );
END
$$;

COMMENT ON FUNCTION ledger_core.needs_generation IS
'True if ids have run back, or the current generation was begun on another server: then a search for ids that have run
back would go through those of earlier generations at every poll of the feed.';
