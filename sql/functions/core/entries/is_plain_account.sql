-- Inlined by the planner wherever it is used. With ledger_core.is_plain_operation it tells what ledger_core.record_plain_batch takes.
CREATE OR REPLACE FUNCTION ledger_core.is_plain_account(next_due_at timestamptz, frozen_at timestamptz)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
AS $$ SELECT next_due_at = 'infinity'::timestamptz AND frozen_at IS NULL $$;

COMMENT ON FUNCTION ledger_core.is_plain_account IS
'True if an entry only changes the account''s balance: it is not frozen, and has no open hold, no lot with credits left and no allowance.
next_due_at covers these: a hold has an end, credits left in a lot either expire or are reserved by an open hold, and an
allowance that goes on comes again.';
