CREATE FUNCTION ledger_front.partition_that_has(kind text, app text, nonce text, field text)
RETURNS integer
LANGUAGE plpgsql
AS $$
DECLARE
    v_partition record;
    v_answer text;
    v_having integer [] := '{}';
    v_names text [] := '{}';
    v_away text;
BEGIN
    FOR v_partition IN SELECT * FROM ledger_front.partitions()
    LOOP
        BEGIN
            v_answer := ledger_front.has_nonce(
                v_partition.number, ledger_front.caller(), current_setting('lock_timeout'), FALSE, kind, app, nonce
            );
            IF ledger_front.checked(v_answer) #>> '{}' = 'true' THEN
                v_having := v_having || v_partition.number;
                v_names := v_names || v_partition.name;
            END IF;
        EXCEPTION
            WHEN OTHERS THEN
                IF NOT ledger_front.is_lost(sqlstate) THEN
                    RAISE;
                END IF;
                v_away := sqlerrm;
        END;
    END LOOP;
    IF cardinality(v_having) > 1 THEN
        PERFORM ledger_front.refuse('invalid_request', jsonb_build_object(
            'field', partition_that_has.field,
            'reason', format('is of several owners, on %s: say which', array_to_string(v_names, ' and '))
        ));
    END IF;
    IF cardinality(v_having) = 0 AND v_away IS NOT NULL THEN
        PERFORM ledger_front.unavailable(v_away);
    END IF;
    -- The first one refuses what is nowhere.
    RETURN coalesce(v_having[1], 0);
END
$$;

COMMENT ON FUNCTION ledger_front.partition_that_has IS
'The number of the partition that has the hold or the entry (kind) of an app with that nonce; 0 if none has it. field: the
parameter that names it. Raises LG001 if several have one, and LG906 if none of those that answer has it and one is away.';
