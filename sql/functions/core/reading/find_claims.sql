CREATE OR REPLACE FUNCTION ledger_core.find_claims(name text, max_rows integer)
RETURNS TABLE (owner_id text, asset text, seq bigint, found jsonb)
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT named.owner_id, named.asset, named.seq, named.found
    FROM ledger.operations
    -- OFFSET 0: a look-up in the primary key, which begins with the operation, for each operation.
    CROSS JOIN LATERAL (
        SELECT
            claims.owner_id, claims.asset, nullif(claims.seq, 0) AS seq, claims.period_start,
            jsonb_build_object(
                'operation', claims.operation, 'claim_subject', claims.subject, 'app', nullif(claims.scope_app, ''),
                'slot', claims.slot, 'period_start', nullif(claims.period_start, '-infinity')
            ) AS found
        FROM ledger.claims
        WHERE claims.operation = operations.operation AND claims.subject_kind = 'claim_subject'
            AND claims.subject = find_claims.name
        ORDER BY claims.scope_app DESC, claims.period_start DESC, claims.slot DESC
        LIMIT find_claims.max_rows
        OFFSET 0
    ) AS named
    ORDER BY named.period_start DESC
    LIMIT find_claims.max_rows;
END
$$;

COMMENT ON FUNCTION ledger_core.find_claims IS
'At most max_rows claims whose claim_subject is the name, those of the latest periods first.
seq: null for an entry of another partition.';
