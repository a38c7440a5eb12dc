CREATE OR REPLACE FUNCTION ledger_core.is_time_zone(name text)
RETURNS boolean
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    -- The view reads some 600 files, which takes longer than most calls.
    RETURN coalesce(name = 'UTC', FALSE)
        OR EXISTS (SELECT 1 FROM pg_timezone_names AS zones WHERE zones.name = is_time_zone.name);
END
$$;

COMMENT ON FUNCTION ledger_core.is_time_zone IS
'True if name is an IANA time zone name that this server knows.';
