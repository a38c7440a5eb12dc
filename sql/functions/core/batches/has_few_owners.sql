CREATE OR REPLACE FUNCTION ledger_core.has_few_owners(entries jsonb)
RETURNS boolean
LANGUAGE plpgsql
IMMUTABLE
AS $$
DECLARE
    c_too_small_to_tell CONSTANT integer := 4;
BEGIN
    -- A sample of the first 32 items tells.
    RETURN jsonb_array_length(entries) > c_too_small_to_tell AND (
        SELECT count(DISTINCT (entries -> items.item ->> 'owner_id') COLLATE "C") * 2 <= count(*)
        FROM generate_series(0, least(32, jsonb_array_length(entries)) - 1) AS items (item)
    );
END
$$;

COMMENT ON FUNCTION ledger_core.has_few_owners IS
'True if the first items of a batch come from half as many owners at most: then the whole batch is likely to have few.';
