-- requires: functions/core/entries/is_covered
CREATE OR REPLACE FUNCTION ledger_core.check_available(
    owner_id text, asset text, account ledger_core.account_state, required bigint, app text, operation text
)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
DECLARE
    v_unusable bigint := 0;
BEGIN
    IF required <= 0 THEN
        RETURN;
    ELSIF account.next_due_at < 'infinity' THEN
        v_unusable := ledger_core.unusable(owner_id, asset, app, operation);
    END IF;
    IF NOT ledger_core.is_covered(account, required + v_unusable) THEN
        PERFORM ledger_core.refuse_insufficient(
            owner_id, asset, account.balance - account.held, v_unusable, required, account.min_balance
        );
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_available IS
'Raises LG301 unless what the operation and app may use of a locked, settled account covers required, with its overdraft. Null:
an adjustment or reversal, which no limit of use stops.';
