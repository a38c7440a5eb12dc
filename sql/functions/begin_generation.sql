CREATE OR REPLACE FUNCTION ledger.begin_generation(reason text DEFAULT NULL)
RETURNS integer
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '500ms'
AS $$
#variable_conflict use_column
DECLARE
    v_generation integer;
    v_next bigint;
    v_first bigint;
BEGIN
    IF length(reason) NOT BETWEEN 1 AND 1000 THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'reason', 'reason', 'must have 1 to 1000 characters, or be null'
        ));
    END IF;
    PERFORM ledger_core.lock_catalogue();
    -- Waits for the transactions that have taken an entry_id, and lets nobody take one until this commits: what is
    -- recorded later has a higher one.
    ALTER SEQUENCE ledger_core.entry_ids INCREMENT BY 1;
    SELECT greatest(ledger_core.last_given_id(), max(entries.entry_id)) + 1 INTO v_next FROM ledger.entries;
    -- A subscriber of logical replication has all entries, but not the state of the sequence.
    EXECUTE format('ALTER SEQUENCE ledger_core.entry_ids RESTART WITH %s', v_next);

    v_first := v_next;
    IF ledger_core.ids_have_run_back() THEN
        -- Entries recorded here before the change was noticed are of the new generation. All else ends with an entry of a
        -- transaction that this server has yet to begin.
        SELECT max(entries.entry_id) + 1 INTO v_first
        FROM ledger.entries
        WHERE entries.xact_id >= pg_snapshot_xmax(pg_current_snapshot())
            AND entries.xact_id IS DISTINCT FROM pg_current_xact_id_if_assigned();
    END IF;

    SELECT max(generation) + 1 INTO v_generation FROM ledger.generations;
    PERFORM ledger_core.journal_change('generation', NULL, NULL, jsonb_build_object(
        'generation', v_generation,
        'first_entry_id', v_first,
        'first_xact_id', pg_snapshot_xmin(pg_current_snapshot())::text,
        'reason', begin_generation.reason
    ));
    UPDATE ledger_core.home SET system_identifier = ledger_core.system_identifier() WHERE ledger_core.is_away();
    RETURN v_generation;
END
$$;

COMMENT ON FUNCTION ledger.begin_generation IS
'Begins a new generation of transaction ids (ledger.generations) and returns its number.
A ledger needs one after it was moved to another server, by a dump, by logical replication or by pg_upgrade;
`ledger migrate` begins it there. It is harmless at any other time: cursors and checkpoints stay valid.
reason: kept with it, at most 1000 characters. For operators. Waits at most half a second for each lock, then raises 55P03:
call it again. Raises LG001.';
