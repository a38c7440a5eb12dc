-- requires: views/generations
CREATE OR REPLACE FUNCTION ledger_core.verify_ids()
RETURNS SETOF ledger.discrepancy
LANGUAGE plpgsql
STABLE
AS $$
DECLARE
    v_current record;
    v_last_id bigint := ledger_core.last_given_id();
BEGIN
    SELECT
        generations.first_entry_id, coalesce(generations.begun_at, '-infinity') AS begun_at, generations.first_xact_id
    INTO STRICT v_current
    FROM ledger.generations WHERE generations.end_entry_id IS NULL;

    -- The feed and checkpoints rely on the order of transaction ids. A restored dump breaks it if the new server has
    -- given out fewer ids than the old one: it needs a new generation.
    RETURN QUERY
    SELECT
        'transaction of the future', newest.found_in, newest.owner_id, newest.asset, newest.seq,
        newest.detail || jsonb_build_object('xact_id', newest.xact_id, 'next', pg_snapshot_xmax(pg_current_snapshot()))
    FROM (
        (
            SELECT
                'entries' AS found_in, entries.owner_id::text, entries.asset::text, entries.seq,
                jsonb_build_object('nonce', entries.nonce) AS detail, entries.xact_id
            FROM ledger.entries
            WHERE entries.entry_id >= v_current.first_entry_id
            ORDER BY entries.xact_id DESC
            LIMIT 1
        )
        UNION ALL
        (
            SELECT
                journals.journal, CASE WHEN journals.of_account THEN journals.owner_id END,
                CASE WHEN journals.of_account THEN journals.asset END, journals.seq,
                journals.line, journals.xact_id
            FROM ledger_core.journals
            WHERE journals.at >= v_current.begun_at AND journals.xact_id >= v_current.first_xact_id
            ORDER BY journals.xact_id DESC
            LIMIT 1
        )
    ) AS newest
    WHERE newest.xact_id > pg_snapshot_xmax(pg_current_snapshot())
        AND newest.xact_id IS DISTINCT FROM pg_current_xact_id_if_assigned();

    RETURN QUERY
    SELECT
        'entry_id twice', 'entries', entries.owner_id::text, entries.asset::text, entries.seq,
        jsonb_build_object('nonce', entries.nonce, 'entry_id', entries.entry_id)
    FROM ledger.entries
    WHERE entries.entry_id IN (
        SELECT ids.entry_id FROM ledger.entries AS ids GROUP BY ids.entry_id HAVING count(*) > 1
    );

    -- Logical replication does not take the state of a sequence along.
    RETURN QUERY
    SELECT
        'entry_id of the future', 'entries', newest.owner_id::text, newest.asset::text, newest.seq,
        jsonb_build_object('nonce', newest.nonce, 'entry_id', newest.entry_id, 'last', v_last_id)
    FROM (
        SELECT * FROM ledger.entries
        WHERE entries.entry_id > v_last_id
        ORDER BY entries.entry_id DESC
        LIMIT 1
    ) AS newest;
END
$$;

COMMENT ON FUNCTION ledger_core.verify_ids IS
'Entries and lines of transactions that this server has yet to begin, entries with the same entry_id, and an entry with
one that is yet to be given.';
