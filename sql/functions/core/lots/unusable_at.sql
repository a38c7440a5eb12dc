-- requires: functions/core/lots/lots_at, functions/core/lots/is_usable
CREATE OR REPLACE FUNCTION ledger_core.unusable_at(owner_id text, asset text, app text, operation text, at timestamptz)
RETURNS bigint
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT coalesce(sum(lots.remaining - lots.held), 0)
        FROM ledger_core.lots_at(unusable_at.owner_id, unusable_at.asset, unusable_at.at) AS lots
        WHERE NOT ledger_core.is_usable(lots.usable_for, lots.usable_in, unusable_at.operation, unusable_at.app)
    );
END
$$;

COMMENT ON FUNCTION ledger_core.unusable_at IS
'As ledger_core.unusable, at a time, with what is due by then.';
