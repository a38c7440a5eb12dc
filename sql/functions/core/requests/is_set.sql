CREATE OR REPLACE FUNCTION ledger_core.is_set(names text [])
RETURNS boolean
LANGUAGE sql
IMMUTABLE
AS $$
SELECT names IS NULL OR (
    array_ndims(names) = 1
    AND (SELECT count(*) BETWEEN 1 AND 100 AND count(DISTINCT name) = count(*) FROM unnest(names) AS named (name))
)
$$;

COMMENT ON FUNCTION ledger_core.is_set IS
'True if an array names from 1 to 100 things, nothing twice, and no null; or is null.';
