CREATE OR REPLACE FUNCTION ledger_core.find_entries(name text, max_rows integer)
RETURNS TABLE (owner_id text, asset text, seq bigint, found jsonb)
LANGUAGE plpgsql
STABLE
-- The planner would rather read a table that was never analyzed from end to end than use the BRIN index on entry_id.
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_app text;
    v_entry ledger.entries;
    v_matches ledger.entries [] := '{}';
    -- A number of more digits is none of bigint.
    v_entry_id bigint := CASE WHEN name ~ '^[1-9][0-9]{0,17}$' THEN name::bigint END;
BEGIN
    -- App by app, so that each is a look-up in the unique index on (app, nonce). "ledger" records entries of its own.
    FOR v_app IN (SELECT 'ledger' AS app UNION ALL SELECT apps.app FROM ledger.apps ORDER BY app) LOOP
        EXIT WHEN cardinality(v_matches) = find_entries.max_rows;
        SELECT * INTO v_entry FROM ledger.entries WHERE app = v_app AND nonce = find_entries.name;
        IF FOUND THEN
            v_matches := v_matches || v_entry;
        END IF;
    END LOOP;
    IF v_entry_id IS NOT NULL THEN
        v_matches := v_matches || array(
            SELECT entries
            FROM ledger.entries
            WHERE entry_id = v_entry_id AND nonce <> find_entries.name
            LIMIT find_entries.max_rows - cardinality(v_matches)
        );
    END IF;
    RETURN QUERY
    SELECT
        matches.owner_id::text, matches.asset::text, matches.seq,
        jsonb_build_object(
            'app', matches.app, 'operation', matches.operation, 'nonce', matches.nonce, 'amount', matches.amount,
            'entry_id', matches.entry_id
        )
    FROM unnest(v_matches) AS matches;
END
$$;

COMMENT ON FUNCTION ledger_core.find_entries IS
'At most max_rows entries whose nonce or entry_id is the name.';
