CREATE OR REPLACE FUNCTION ledger_core.ids_have_run_back()
RETURNS boolean
LANGUAGE plpgsql
STABLE
AS $$
DECLARE
    v_current record;
BEGIN
    SELECT generation, first_entry_id INTO STRICT v_current
    FROM ledger.generations WHERE end_entry_id IS NULL;
    -- Ids run back only where the server is another one. Asked first, because it spares a search among the ids of
    -- earlier generations.
    IF v_current.generation > 1 AND NOT ledger_core.is_away() THEN
        RETURN FALSE;
    END IF;
    RETURN EXISTS (
        SELECT 1 FROM ledger.entries
        WHERE entries.xact_id >= pg_snapshot_xmax(pg_current_snapshot())
            AND entries.xact_id IS DISTINCT FROM pg_current_xact_id_if_assigned()
            AND entries.entry_id >= v_current.first_entry_id
    ) OR (
        SELECT entries.entry_id FROM ledger.entries
        WHERE entries.entry_id >= v_current.first_entry_id
        ORDER BY entries.xact_id DESC
        LIMIT 1
    ) > ledger_core.last_given_id();
END
$$;

COMMENT ON FUNCTION ledger_core.ids_have_run_back IS
'True if an entry of the current generation is of a transaction that this server has yet to begin, or has an entry_id
that is yet to be given: the ledger was restored from a dump, or replicated logically, and needs
ledger.begin_generation.';
