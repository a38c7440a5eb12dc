CREATE FUNCTION ledger_front.record_entries(app text, entries jsonb, atomic boolean)
RETURNS SETOF ledger.batch_row
LANGUAGE plpgsql
AS $$
DECLARE
    v_numbers integer [] := '{0}';
    v_positions text [] := '{"{}"}';
    v_parts jsonb [] := ARRAY[entries];
    v_limit text := current_setting('lock_timeout');
    v_claims_elsewhere boolean := FALSE;
BEGIN
    -- Any partition refuses what is no batch, or too long.
    IF jsonb_typeof(entries) = 'array' AND jsonb_array_length(entries) BETWEEN 1 AND ledger_front.max_batch() THEN
        SELECT array_agg(parts.number), array_agg(parts.positions), array_agg(parts.items), bool_or(parts.claims_elsewhere)
        INTO v_numbers, v_positions, v_parts, v_claims_elsewhere
        FROM (
            SELECT
                placed.number,
                array_agg(placed.position ORDER BY placed.position)::text AS positions,
                jsonb_agg(placed.item ORDER BY placed.position) AS items,
                bool_or(
                    placed.item ? 'claim_subject' AND ledger_front.place(placed.item ->> 'claim_subject') <> placed.number
                ) AS claims_elsewhere
            FROM (
                SELECT elements.item, elements.position, ledger_front.place(elements.item ->> 'owner_id') AS number
                FROM jsonb_array_elements(entries) WITH ORDINALITY AS elements (item, position)
            ) AS placed
            GROUP BY placed.number
        ) AS parts;
    END IF;
    IF atomic AND (cardinality(v_numbers) > 1 OR v_claims_elsewhere) THEN
        PERFORM ledger_front.refuse('other_partition', jsonb_build_object('partitions', (
            SELECT jsonb_agg(partitions.name ORDER BY partitions.number)
            FROM ledger_front.partitions()
            WHERE partitions.number = ANY(v_numbers) OR v_claims_elsewhere
        )));
    ELSIF v_claims_elsewhere THEN
        -- One after the other: each such item takes three calls.
        RETURN QUERY
        SELECT results.*
        FROM jsonb_array_elements(entries) WITH ORDINALITY AS elements (item, position)
        CROSS JOIN LATERAL ledger_front.record_claim_item(
            app, ledger_front.place(elements.item ->> 'owner_id'), elements.position, elements.item
        ) AS results
        ORDER BY elements.position;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT results.*
    FROM ledger_front.record_parts(
        v_numbers, ledger_front.caller(), v_limit, ledger_front.is_dry_run(), app, v_positions, v_parts, atomic
    ) AS answer
    CROSS JOIN LATERAL json_populate_record(NULL::ledger.batch_row, ledger_front.checked(answer)) AS results
    ORDER BY results.position;
EXCEPTION
    WHEN OTHERS THEN
        IF NOT ledger_front.is_lost(sqlstate) THEN
            RAISE;
        END IF;
        IF cardinality(v_numbers) = 1 AND atomic THEN
            PERFORM ledger_front.unavailable(sqlerrm);
        END IF;
        -- The others may have recorded their parts, and answer them again.
        RETURN QUERY
        SELECT results.*
        FROM unnest(v_numbers, v_positions, v_parts) AS parts (number, positions, items)
        CROSS JOIN LATERAL ledger_front.record_part(app, parts.number, parts.positions, parts.items) AS answers
        CROSS JOIN LATERAL ledger_front.unless_unknown(parts.number, answers) AS results
        ORDER BY results.position;
END
$$;

COMMENT ON FUNCTION ledger_front.record_entries IS
'Records a batch, each part on the partition of its owners, side by side, and returns the results in the order of the items.
The items of a partition that is away are refused with partition_unavailable. If that loses the answers of the others, they are
asked again, and what they then refuse for the state of the books is answered so, too. Raises LG310 for an atomic batch of several
partitions, and LG906 if the partition of an atomic one is away.';
