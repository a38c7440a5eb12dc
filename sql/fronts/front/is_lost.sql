CREATE FUNCTION ledger_front.is_lost(sqlstate text)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
AS $$ SELECT sqlstate IN ('XX000', '53300') OR left(sqlstate, 2) IN ('08', '57') $$;

COMMENT ON FUNCTION ledger_front.is_lost IS
'Whether an error of PL/Proxy or of the pooler says that a partition is away: internal errors, too many connections, errors
of connections, and interventions of an operator, but for the cancelling of a query, which WHEN OTHERS does not catch.';
