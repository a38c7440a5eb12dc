CREATE OR REPLACE FUNCTION ledger_core.verify_changes()
RETURNS SETOF ledger.discrepancy
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT
        checks.problem, 'operation_changes', NULL, NULL, NULL::bigint,
        jsonb_build_object(
            'change_id', chained.change_id, 'operation', chained.operation, 'app', chained.app,
            'expected', checks.expected, 'found', checks.found
        )
    FROM (
        SELECT
            changes.*,
            lag(changes.change_id, 1, 0::bigint) OVER journal + 1 AS expected_id,
            ledger_core.chain_hash(
                lag(changes.hash, 1, decode(repeat('00', 32), 'hex')) OVER journal,
                ledger_core.change_bytes(
                    changes.change_id, changes.changed_at, changes.xact_id, changes.change, changes.operation,
                    changes.changed_by, changes.rule, changes.app
                )
            ) AS expected_hash
        FROM ledger.operation_changes AS changes
        WINDOW journal AS (ORDER BY changes.change_id)
    ) AS chained
    CROSS JOIN LATERAL (
        VALUES
        ('change_id not in order', chained.expected_id::text, chained.change_id::text),
        ('hash wrong', encode(chained.expected_hash, 'hex'), encode(chained.hash, 'hex'))
    ) AS checks (problem, expected, found)
    WHERE checks.expected IS DISTINCT FROM checks.found;
END
$$;

COMMENT ON FUNCTION ledger_core.verify_changes() IS
'Lines of ledger.operation_changes whose number or hash does not follow from the line before.';
