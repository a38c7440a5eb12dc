CREATE OR REPLACE FUNCTION ledger_core.refuse_max_balance(amount bigint)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    PERFORM ledger_core.refuse(
        'amount_out_of_bounds',
        jsonb_build_object('amount', amount, 'max_balance', ledger_core.max_amount()),
        format('A balance cannot pass %s (2^53 - 1).', ledger_core.max_amount())
    );
END
$$;

COMMENT ON FUNCTION ledger_core.refuse_max_balance IS
'Raises LG002: an entry of that amount would bring the balance above ledger_core.max_amount.';
