CREATE OR REPLACE FUNCTION ledger.installed_files()
RETURNS TABLE (path text, checksum text, installed_at timestamptz)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        f.path,
        f.checksum,
        f.installed_at
    FROM ledger_core.installed_files AS f
$$;

COMMENT ON FUNCTION ledger.installed_files IS
'The files that `ledger migrate` has applied to this database, with checksums.
A service reads it to see whether the schema that it needs is installed.';
