CREATE OR REPLACE FUNCTION ledger_core.sorted(names text [])
RETURNS text []
LANGUAGE sql
IMMUTABLE
AS $$
SELECT CASE WHEN array_ndims(names) = 1
    THEN (SELECT array_agg(named.name ORDER BY named.name COLLATE "C") FROM unnest(names) AS named (name))
    ELSE names
END
$$;

COMMENT ON FUNCTION ledger_core.sorted IS
'The names byte by byte in order, so that the same set is always the same array.';
