CREATE OR REPLACE FUNCTION ledger_core.priced_detail(
    quantity bigint, unit_amount bigint, unit_size bigint, rounding text
)
RETURNS jsonb
LANGUAGE sql
IMMUTABLE
AS $$
SELECT CASE
    WHEN quantity IS NULL THEN '{}'
    ELSE jsonb_build_object(
        'quantity', quantity, 'unit_amount', unit_amount, 'unit_size', unit_size, 'rounding', rounding
    )
END
$$;

COMMENT ON FUNCTION ledger_core.priced_detail IS
'What the detail of a refusal says about a quantity and its price; nothing without a quantity.';
