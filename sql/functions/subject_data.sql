CREATE OR REPLACE FUNCTION ledger.subject_data(owner_id text)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET intervalstyle = 'postgres'
AS $$
#variable_conflict use_column
DECLARE
    v_table text;
    v_rows jsonb;
    v_data jsonb := '{}';
BEGIN
    PERFORM ledger_core.check_key('owner_id', subject_data.owner_id);
    PERFORM ledger_core.check_partition(subject_data.owner_id);
    -- Whatever tables there are: one that a release adds is not forgotten here.
    FOR v_table IN
        SELECT pg_class.relname
        FROM pg_class
        INNER JOIN pg_attribute ON pg_class.oid = pg_attribute.attrelid
        WHERE pg_class.relnamespace = 'ledger'::regnamespace AND pg_class.relkind IN ('r', 'p')
            AND pg_attribute.attname = 'owner_id' AND NOT pg_attribute.attisdropped
        ORDER BY pg_class.relname
    LOOP
        EXECUTE format(
            $query$
            SELECT coalesce(jsonb_agg(kept.line ORDER BY
                kept.line ->> 'asset',
                coalesce(kept.line -> 'seq', kept.line -> 'event_seq', kept.line -> 'action_seq'),
                kept.line ->> 'nonce', kept.line::text
            ), '[]')
            FROM (SELECT to_jsonb(rows) AS line FROM ledger.%I AS rows WHERE rows.owner_id = $1) AS kept
            $query$,
            v_table
        )
        INTO v_rows
        USING subject_data.owner_id;
        v_data := v_data || jsonb_build_object(v_table, v_rows);
    END LOOP;
    RETURN v_data;
END
$$;

COMMENT ON FUNCTION ledger.subject_data IS
'Everything that the ledger keeps about one owner, for whoever asks what is known about them: a JSON object with the rows of each
table that names an owner, by the name of the table, as `\d+ ledger.<table>` explains them. Empty arrays for an unknown owner. Of
transfers and moves the rows name the other owner, and those of the other owner are not here. For auditors and operators.
Raises LG001, LG311.';
