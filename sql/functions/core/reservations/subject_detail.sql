CREATE OR REPLACE FUNCTION ledger_core.subject_detail(operation text, claim_subject text)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object(
            'operation', subject_detail.operation,
            'claim_subject', subject_detail.claim_subject,
            'bucket', ledger_core.bucket(subject_detail.claim_subject, kept_buckets.buckets),
            'partition', kept_buckets.partition_name
        )
        FROM ledger_core.kept_buckets
    );
END
$$;

COMMENT ON FUNCTION ledger_core.subject_detail IS
'The detail of a refusal because another partition keeps the claim_subject: its bucket, and the name of this partition.';
