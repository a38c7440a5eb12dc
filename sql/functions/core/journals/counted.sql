CREATE OR REPLACE FUNCTION ledger_core.counted(content text)
RETURNS text
LANGUAGE sql
IMMUTABLE
AS $$ SELECT length(content)::text || ':' || content $$;

COMMENT ON FUNCTION ledger_core.counted IS
'A text after its length in characters and a colon, so that its end is known wherever it is embedded; null for null.';
