-- Callers of a cluster compute the same (ledger_py.cluster.buckets), so this can never change.
CREATE OR REPLACE FUNCTION ledger_core.bucket(owner_id text, buckets integer)
RETURNS integer
LANGUAGE plpgsql
IMMUTABLE
AS $$
DECLARE
    v_hash bytea := sha256(convert_to(owner_id, 'UTF8'));
BEGIN
    RETURN (get_byte(v_hash, 0) * 256 + get_byte(v_hash, 1)) % buckets;
END
$$;

COMMENT ON FUNCTION ledger_core.bucket IS
'The bucket of an owner in a cluster of so many buckets, from 0: the first two bytes of SHA-256 over its UTF-8, modulo
buckets, a power of two of at most 65536. Null for a null owner.';
