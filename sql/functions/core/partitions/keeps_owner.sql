-- requires: functions/core/partitions/bucket
CREATE OR REPLACE FUNCTION ledger_core.keeps_owner(owner_id text)
RETURNS boolean
LANGUAGE sql
STABLE
AS $$
SELECT coalesce(
    (SELECT kept_buckets.kept @> ledger_core.bucket(owner_id, kept_buckets.buckets) FROM ledger_core.kept_buckets), TRUE
)
$$;

COMMENT ON FUNCTION ledger_core.keeps_owner IS
'True if this ledger keeps the owner: it is no partition of a cluster, or the owner''s bucket is one of its own.';
