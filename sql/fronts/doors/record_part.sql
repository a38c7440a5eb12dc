CREATE OR REPLACE FUNCTION ledger_door.record_part(
    caller text,
    lock_timeout text,
    dry boolean,
    app text,
    positions text [],
    parts jsonb [],
    atomic boolean
)
RETURNS SETOF text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_positions integer [] := record_part.positions[1];
    v_result record;
    v_detail text;
    v_hint text;
BEGIN
    PERFORM set_config('role', record_part.caller, TRUE), set_config('lock_timeout', record_part.lock_timeout, TRUE);
    FOR v_result IN SELECT * FROM ledger.record_entries(record_part.app, record_part.parts[1], record_part.atomic)
    LOOP
        v_result.position := v_positions[v_result.position];
        RETURN NEXT to_json(v_result);
    END LOOP;
    IF record_part.dry THEN
        RAISE SQLSTATE 'LGDRY';
    END IF;
EXCEPTION
    -- A dry run is rolled back, and answered.
    WHEN SQLSTATE 'LGDRY' THEN
        RETURN;
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS v_detail = PG_EXCEPTION_DETAIL, v_hint = PG_EXCEPTION_HINT;
        RETURN NEXT json_build_array(sqlstate, sqlerrm, v_detail, v_hint);
END
$$;

COMMENT ON FUNCTION ledger_door.record_part(text, text, boolean, text, text [], jsonb [], boolean) IS
'Records the part of a batch that belongs to this partition. positions, parts: the positions of its items in the batch, as the
text of an array, and the items; both of one element, as PL/Proxy splits them. Answers the results with these positions.';
