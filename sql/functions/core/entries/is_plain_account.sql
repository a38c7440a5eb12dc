-- Inlined by the planner. Together with ledger_core.is_plain_rule it defines the fast path.
CREATE OR REPLACE FUNCTION ledger_core.is_plain_account(next_due_at timestamptz, frozen_at timestamptz)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
AS $$ SELECT next_due_at = 'infinity'::timestamptz AND frozen_at IS NULL $$;

COMMENT ON FUNCTION ledger_core.is_plain_account IS
'True if an entry only changes the account''s balance: it has no open holds and no lots, and is not frozen.';
