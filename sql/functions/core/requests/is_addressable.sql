-- Inlined by the planner wherever it is used.
CREATE OR REPLACE FUNCTION ledger_core.is_addressable(value text)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
AS $$ SELECT value NOT IN ('.', '..') $$;

COMMENT ON FUNCTION ledger_core.is_addressable IS
'True if value can be a segment of a URL. Browsers and libraries resolve . and .. also where they are written %2E.';
