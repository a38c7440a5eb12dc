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

    RETURN QUERY
    SELECT
        'claim subject of another partition', 'claims', claims.owner_id::text, claims.asset::text, claims.seq,
        jsonb_build_object(
            'operation', claims.operation, 'subject', claims.subject,
            'bucket', ledger_core.bucket(claims.subject, kept_buckets.buckets), 'kept', kept_buckets.kept::text
        )
    FROM ledger_core.kept_buckets
    INNER JOIN ledger.claims
        ON claims.subject_kind = 'claim_subject'
        AND NOT kept_buckets.kept @> ledger_core.bucket(claims.subject, kept_buckets.buckets)
    WHERE ledger_core.owner_in_range(claims.owner_id, first, last, included);

    RETURN QUERY
    SELECT
        'reservation for an owner of this partition', 'claim_reservations', reserved.owner_id::text, reserved.asset::text,
        NULL::bigint, jsonb_build_object('app', reserved.app, 'nonce', reserved.nonce)
    FROM ledger.claim_reservations AS reserved
    WHERE ledger_core.owner_in_range(reserved.owner_id, first, last, included)
        AND ledger_core.keeps_owner(reserved.owner_id);
END
$$;

COMMENT ON FUNCTION ledger_core.verify_buckets IS
'Accounts whose owner''s bucket this partition does not keep, claims whose claim_subject''s bucket it does not keep, and
reservations for owners whose bucket it keeps.';
