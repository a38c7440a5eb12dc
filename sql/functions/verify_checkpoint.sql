CREATE OR REPLACE FUNCTION ledger.verify_checkpoint(horizon text, digest text)
RETURNS SETOF ledger.discrepancy
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_generation integer;
BEGIN
    IF coalesce(horizon !~ '^([1-9][0-9]{0,8}-)?[0-9]{1,19}$', TRUE) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'horizon', 'reason', 'must be the horizon that ledger.checkpoint returned'
        ));
    ELSIF coalesce(digest !~ '^[0-9a-f]{64}$', TRUE) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'digest', 'reason', 'must be the digest that ledger.checkpoint returned'
        ));
    END IF;
    v_generation := coalesce(substring(horizon FROM '^(.*)-'), '1');
    IF NOT EXISTS (SELECT 1 FROM ledger.generations WHERE generations.generation = v_generation) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'horizon', 'reason', 'is of a generation that this ledger does not have'
        ));
    END IF;
    RETURN QUERY
    SELECT
        'the past has changed since the checkpoint', 'checkpoint', NULL, NULL, NULL::bigint,
        jsonb_build_object('expected', verify_checkpoint.digest, 'found', heads.digest, 'horizon', horizon)
    FROM ledger_core.checkpoint_digest(v_generation, substring(horizon FROM '[0-9]+$')::xid8) AS heads
    WHERE heads.digest <> verify_checkpoint.digest;
END
$$;

COMMENT ON FUNCTION ledger.verify_checkpoint IS
'Compares what ledger.checkpoint returned with the books of today.
Returns a row if an entry or a line of a journal from before the checkpoint was changed, even together with all hashes.
No rows mean that nothing was. Raises LG001.';
