CREATE OR REPLACE FUNCTION ledger_core.verify_buckets(first text, last text, included boolean)
RETURNS SETOF ledger.discrepancy
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT
        'owner of another partition', 'accounts', accounts.owner_id::text, accounts.asset::text, NULL::bigint,
        jsonb_build_object(
            'bucket', ledger_core.bucket(accounts.owner_id, kept_buckets.buckets), 'kept', kept_buckets.kept::text
        )
    FROM ledger_core.kept_buckets
    INNER JOIN ledger.accounts ON NOT kept_buckets.kept @> ledger_core.bucket(accounts.owner_id, kept_buckets.buckets)
    WHERE ledger_core.owner_in_range(accounts.owner_id, first, last, included);
END
$$;

COMMENT ON FUNCTION ledger_core.verify_buckets IS
'Accounts whose owner''s bucket this partition does not keep.';
