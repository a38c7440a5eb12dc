CREATE OR REPLACE FUNCTION ledger_core.is_time_zone(name text)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SET timezone = 'UTC'
AS $$
BEGIN
    -- The view reads some 600 files, which takes longer than most calls; setting the zone reads its own. Without digits and
    -- signs it is no POSIX specification, and what it is set to is the name as IANA writes it.
    IF name ~ '^[A-Za-z_/]+$' THEN
        RETURN set_config('TimeZone', name, TRUE) = name;
    END IF;
    RETURN EXISTS (SELECT 1 FROM pg_timezone_names AS zones WHERE zones.name = is_time_zone.name);
EXCEPTION
    WHEN invalid_parameter_value THEN
        RETURN FALSE;
END
$$;

COMMENT ON FUNCTION ledger_core.is_time_zone IS
'True if name is an IANA time zone name that this server knows.';
