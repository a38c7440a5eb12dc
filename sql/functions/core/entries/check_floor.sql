-- requires: functions/core/entries/is_covered
CREATE OR REPLACE FUNCTION ledger_core.check_floor(
    owner_id text, asset text, account ledger_core.account_state, required bigint
)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    IF NOT ledger_core.is_covered(account, required) THEN
        PERFORM ledger_core.refuse('insufficient_balance', jsonb_build_object(
            'owner_id', owner_id,
            'asset', asset,
            'available', account.balance - account.held,
            'required', required,
            'min_balance', account.min_balance
        ), CASE
            WHEN account.balance - account.held <= account.min_balance
                THEN 'Nothing was taken, and nothing is available. Add credits.'
        END);
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_floor IS
'Raises LG301 unless ledger_core.is_covered.';
