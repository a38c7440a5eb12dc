-- requires: functions/core/constants/plain_priority
-- Inlined by the planner wherever it is used.
CREATE OR REPLACE FUNCTION ledger_core.spending_order(
    priority integer, expires_at timestamptz, usable_for text [], usable_in text [], credit_class text
)
RETURNS bytea
LANGUAGE sql
IMMUTABLE
AS $$
SELECT
    int4send(coalesce(priority, ledger_core.plain_priority()))
    || timestamptz_send(coalesce(expires_at, 'infinity'))
    -- One number, since sets have at most 100 names: cheaper than one for each.
    || int4send(
        num_nulls(usable_for, usable_in) * 10000
        + (coalesce(cardinality(usable_for), 0) + coalesce(cardinality(usable_in), 0)) * 10
        + CASE credit_class WHEN 'free' THEN 0 WHEN 'paid' THEN 1 ELSE 2 END
    )
$$;

COMMENT ON FUNCTION ledger_core.spending_order IS
'The one order in which lots are spent, with their seq where it is equal: by priority, the soonest to expire first (never is last),
the narrower use before the wider (both limits, one, none; then the fewer operations and apps), free before paid before neither.
Credits in no lot come last among those of ledger_core.plain_priority, then lots of a higher one, then an overdraft.';
