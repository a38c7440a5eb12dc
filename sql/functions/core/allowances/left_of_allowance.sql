-- requires: functions/core/allowances/lots_of_allowance
CREATE OR REPLACE FUNCTION ledger_core.left_of_allowance(allowance ledger.allowances)
RETURNS bigint
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    RETURN (
        SELECT coalesce(sum(lots.free), 0)
        FROM ledger_core.lots_of_allowance(allowance.owner_id, allowance.asset, allowance.app, allowance.nonce) AS lots
    );
END
$$;

COMMENT ON FUNCTION ledger_core.left_of_allowance IS
'What is left of all that has come from an allowance of a settled account, without what holds reserve.';
