CREATE OR REPLACE FUNCTION ledger_core.keep_buckets(partition_name text, buckets integer, kept int4multirange)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    -- Nobody creates an account or takes a slot meanwhile.
    LOCK TABLE ledger.accounts, ledger.claims IN SHARE ROW EXCLUSIVE MODE;
    IF EXISTS (
        SELECT 1 FROM ledger.accounts
        WHERE NOT keep_buckets.kept @> ledger_core.bucket(owner_id, keep_buckets.buckets)
    ) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'kept', 'reason', 'must include the buckets of all owners that have an account here'
        ));
    ELSIF EXISTS (
        SELECT 1 FROM ledger.claims
        WHERE subject_kind = 'claim_subject'
            AND NOT keep_buckets.kept @> ledger_core.bucket(subject, keep_buckets.buckets)
    ) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'kept', 'reason', 'must include the buckets of all claim subjects that have claimed here'
        ));
    ELSIF EXISTS (
        SELECT 1 FROM ledger.claim_reservations
        WHERE keep_buckets.kept @> ledger_core.bucket(owner_id, keep_buckets.buckets)
    ) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'kept', 'reason', 'must not include the bucket of an owner for whom a claim is reserved here'
        ));
    END IF;
    INSERT INTO ledger_core.kept_buckets (partition_name, buckets, kept)
    VALUES (keep_buckets.partition_name, keep_buckets.buckets, keep_buckets.kept)
    ON CONFLICT (is_only) DO UPDATE
    SET partition_name = excluded.partition_name, buckets = excluded.buckets, kept = excluded.kept;
END
$$;

COMMENT ON FUNCTION ledger_core.keep_buckets IS
'Makes this ledger the partition of that name, which keeps these of so many buckets (a power of two of at most 65536).
Raises LG001 if an account or a claim of a claim_subject is here whose bucket is not among them. For `ledger cluster`, which runs as the owner.';
