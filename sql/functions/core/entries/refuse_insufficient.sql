CREATE OR REPLACE FUNCTION ledger_core.refuse_insufficient(
    owner_id text, asset text, available bigint, unusable bigint, required bigint, min_balance bigint
)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    PERFORM ledger_core.refuse(
        'insufficient_balance',
        jsonb_build_object(
            'owner_id', owner_id,
            'asset', asset,
            'available', available - unusable,
            'required', required,
            'min_balance', min_balance
        ) || CASE WHEN unusable > 0 THEN jsonb_build_object('available_to_others', unusable) ELSE '{}' END,
        CASE
            WHEN unusable > 0
                THEN 'Nothing was taken. Others of these credits are for other operations or apps: ledger.balance_parts tells.'
            WHEN available <= min_balance THEN 'Nothing was taken, and nothing is available. Add credits.'
        END
    );
END
$$;

COMMENT ON FUNCTION ledger_core.refuse_insufficient IS
'Raises LG301. available: balance less held; unusable: how much of it the spend may not use.';
