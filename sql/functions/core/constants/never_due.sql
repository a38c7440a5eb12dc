-- Inlined by the planner wherever it is used.
CREATE OR REPLACE FUNCTION ledger_core.never_due()
RETURNS timestamptz
LANGUAGE sql
IMMUTABLE
AS $$ SELECT timestamptz '294276-12-31 23:59:59.999999+00' $$;

COMMENT ON FUNCTION ledger_core.never_due IS
'next_due_at of an account that has lots, none of which will expire: the last time that there is. Infinity would say that it has no
lots; nothing is ever due.';
