-- requires: functions/core/lots/is_usable
CREATE OR REPLACE FUNCTION ledger_core.unusable(owner_id text, asset text, app text, operation text)
RETURNS bigint
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT coalesce(sum(remaining - held), 0)
        FROM ledger.lots
        WHERE owner_id = unusable.owner_id AND asset = unusable.asset AND remaining > 0 AND remaining > held
            AND NOT ledger_core.is_usable(usable_for, usable_in, unusable.operation, unusable.app)
    );
END
$$;

COMMENT ON FUNCTION ledger_core.unusable IS
'How many credits of a locked, settled account no hold reserves, and a spend by the operation and app may not use.';
