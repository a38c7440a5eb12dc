CREATE OR REPLACE FUNCTION ledger_core.refuse_subject(code text, operation text, claim_subject text)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    PERFORM ledger_core.refuse(refuse_subject.code, (
        SELECT jsonb_build_object(
            'operation', refuse_subject.operation,
            'claim_subject', refuse_subject.claim_subject,
            'bucket', ledger_core.bucket(refuse_subject.claim_subject, kept_buckets.buckets),
            'partition', kept_buckets.partition_name
        )
        FROM ledger_core.kept_buckets
    ));
END
$$;

COMMENT ON FUNCTION ledger_core.refuse_subject IS
'Raises the refusal of a claim subject that another partition keeps, with its bucket and the name of this partition.';
