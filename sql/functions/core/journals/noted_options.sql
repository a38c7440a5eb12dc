-- Inlined by the planner wherever it is used, because it is STABLE like jsonb_build_object. Most holds have none of them, and
-- building an object is dear.
CREATE OR REPLACE FUNCTION ledger_core.noted_options(hold ledger.holds)
RETURNS jsonb
LANGUAGE sql
STABLE
AS $$
SELECT CASE
    WHEN num_nonnulls(hold.spender, hold.quantity, hold.unit_amount, hold.unit_size, hold.rounding) = 0 THEN '{}'
    ELSE jsonb_strip_nulls(jsonb_build_object(
        'spender', hold.spender,
        'quantity', hold.quantity,
        'unit_amount', hold.unit_amount,
        'unit_size', hold.unit_size,
        'rounding', hold.rounding
    ))
END
$$;

COMMENT ON FUNCTION ledger_core.noted_options IS
'What ledger.hold_events keeps of a hold only if it has it, so that the lines of holds without it are as they always were.';
