-- requires: functions/core/constants/max_batch
CREATE OR REPLACE FUNCTION ledger_core.max_batched_amount()
RETURNS bigint
LANGUAGE sql
IMMUTABLE
AS $$ SELECT 9223372036854775807 / ledger_core.max_batch() $$;

COMMENT ON FUNCTION ledger_core.max_batched_amount IS
'The largest amount, either way, of which a whole batch adds up to no more than bigint holds. Items with more are recorded
singly.';
