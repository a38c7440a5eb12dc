CREATE OR REPLACE FUNCTION ledger_core.refuse_asset(asset text)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_most constant integer := 20;
    v_known text [];
BEGIN
    IF coalesce(refuse_asset.asset !~ '^[A-Z][A-Z0-9_]{0,62}$', TRUE) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'asset', 'reason', 'must be upper snake case, at most 63 characters'
        ));
    END IF;
    SELECT array_agg(known.asset) INTO v_known
    FROM (SELECT DISTINCT asset FROM ledger.operations ORDER BY asset LIMIT v_most + 1) AS known;
    PERFORM ledger_core.refuse(
        'invalid_request',
        jsonb_build_object(
            'field', 'asset', 'asset', refuse_asset.asset,
            'reason', format(
                'is not an asset of this ledger, which has %s%s',
                array_to_string(v_known[:v_most], ', '), CASE WHEN cardinality(v_known) > v_most THEN ' …' ELSE '' END
            )
        ),
        'Correct the asset. To use a new one, define an operation that counts it.'
    );
END
$$;

COMMENT ON FUNCTION ledger_core.refuse_asset IS
'Raises LG001 for an asset that is malformed, or that no operation counts; the reason names those that there are.';
