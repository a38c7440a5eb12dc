-- requires: functions/core/constants/max_amount
CREATE OR REPLACE FUNCTION ledger_core.within_amounts(amount bigint)
RETURNS bigint
LANGUAGE sql
IMMUTABLE
AS $$ SELECT least(greatest(amount, 0), ledger_core.max_amount() + 1) $$;

COMMENT ON FUNCTION ledger_core.within_amounts IS
'The positive amount of a request, clamped to a range in which its sign can be changed without overflow. An amount that is
null or cannot be recorded becomes 0 or ledger_core.max_amount + 1, which no entry has.';
