CREATE OR REPLACE FUNCTION ledger_core.item_time(value text)
RETURNS timestamptz
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    RETURN value::timestamptz;
EXCEPTION
    WHEN datetime_field_overflow OR invalid_datetime_format OR invalid_time_zone_displacement_value THEN
        RETURN NULL; -- the 31st of February, a zone 16 hours away
END
$$;

COMMENT ON FUNCTION ledger_core.item_time IS
'The time that a text of the form ledger_core.is_item_time names; null if the calendar has none such.';
