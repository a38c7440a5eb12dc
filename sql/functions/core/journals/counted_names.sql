-- Strict, so that it is not called where there are none: it cannot be inlined, since array_to_string is not immutable for all
-- types of elements.
CREATE OR REPLACE FUNCTION ledger_core.counted_names(names text [])
RETURNS text
LANGUAGE plpgsql
IMMUTABLE STRICT
AS $$
BEGIN
    RETURN ledger_core.counted(array_to_string(names, ','));
END
$$;

COMMENT ON FUNCTION ledger_core.counted_names IS
'Names with commas between them, as ledger_core.counted writes a text.';
