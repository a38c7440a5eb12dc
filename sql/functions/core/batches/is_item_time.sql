-- Inlined by the planner wherever it is used.
CREATE OR REPLACE FUNCTION ledger_core.is_item_time(value text)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
AS $$
SELECT value
    ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]'
    '([.][0-9]{1,9})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$'
$$;

COMMENT ON FUNCTION ledger_core.is_item_time IS
'True if the text has the form of a time in RFC 3339 with its zone; ledger_core.item_time says whether it is one.';
