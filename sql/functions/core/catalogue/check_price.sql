CREATE OR REPLACE FUNCTION ledger_core.check_price(operation text, unit_amount bigint, unit_size bigint, rounding text)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
DECLARE
    v_field text;
    v_reason text;
BEGIN
    SELECT checks.field, checks.reason INTO v_field, v_reason
    FROM (VALUES
        ('unit_size', unit_amount IS NULL AND unit_size IS NOT NULL, 'goes together with unit_amount'),
        ('rounding', unit_amount IS NULL AND rounding IS NOT NULL, 'goes together with unit_amount'),
        ('unit_amount', unit_amount = 0, 'must not be 0: a price is what a quantity costs'),
        (
            'unit_amount', unit_amount NOT BETWEEN -ledger_core.max_amount() AND ledger_core.max_amount(),
            format('must be from %s to %s', -ledger_core.max_amount(), ledger_core.max_amount())
        ),
        (
            'unit_size', unit_size NOT BETWEEN 1 AND ledger_core.max_amount(),
            format('must be from 1 to %s', ledger_core.max_amount())
        ),
        ('rounding', rounding NOT IN ('up', 'down', 'nearest'), 'must be up, down or nearest')
    ) AS checks (field, failed, reason)
    WHERE checks.failed
    LIMIT 1;
    IF FOUND THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', v_field, 'reason', v_reason, 'operation', operation
        ));
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_price IS
'Raises LG001 naming the first field of a price by quantity that is not well formed; all null is none.';
