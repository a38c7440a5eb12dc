-- requires: functions/core/constants/max_amount
-- Exact: the quotient of numeric numbers would be rounded, div is not. Inlined by the planner wherever it is used.
CREATE OR REPLACE FUNCTION ledger_core.amount_of_quantity(
    quantity bigint, unit_amount bigint, unit_size bigint, rounding text
)
RETURNS bigint
LANGUAGE sql
IMMUTABLE
AS $$
SELECT (sign(unit_amount::numeric) * least(
    div(
        2 * quantity::numeric * abs(unit_amount)
        + CASE rounding WHEN 'up' THEN 2 * unit_size::numeric - 2 WHEN 'nearest' THEN unit_size ELSE 0 END,
        2 * unit_size::numeric
    ),
    ledger_core.max_amount() + 1
))::bigint
$$;

COMMENT ON FUNCTION ledger_core.amount_of_quantity IS
'The amount of a quantity at a price: unit_amount (signed) for each unit_size of it, to whole units; null without a price.
rounding: up is away from zero, down towards it, nearest to the closest, halves away from zero. An amount that cannot be
recorded becomes ledger_core.max_amount + 1, with its sign, which no rule allows.';
