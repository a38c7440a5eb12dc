-- convert_to would do, were it not STABLE. Inlined by the planner wherever it is used.
CREATE OR REPLACE FUNCTION ledger_core.text_bytes(content text)
RETURNS bytea
LANGUAGE sql
IMMUTABLE
AS $$ SELECT decode(replace(content, E'\\', E'\\\\'), 'escape') $$;

COMMENT ON FUNCTION ledger_core.text_bytes IS
'The bytes of a text as the database keeps it, whatever the settings of the session.';
