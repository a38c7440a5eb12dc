CREATE OR REPLACE FUNCTION ledger_core.last_given_id()
RETURNS bigint
LANGUAGE sql
STABLE
AS $$ SELECT CASE WHEN ids.is_called THEN ids.last_value ELSE ids.last_value - 1 END FROM ledger_core.entry_ids AS ids $$;

COMMENT ON FUNCTION ledger_core.last_given_id IS
'The highest entry_id that the sequence has given; 0 if it has given none.';
