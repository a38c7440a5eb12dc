CREATE OR REPLACE FUNCTION ledger_core.growth_of_hold(hold ledger.holds)
RETURNS numeric
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT coalesce(sum(amount), 0) FROM ledger.hold_growths
        WHERE owner_id = hold.owner_id AND app = hold.app AND hold_nonce = hold.nonce
    );
END
$$;

COMMENT ON FUNCTION ledger_core.growth_of_hold IS
'By how much a hold has grown since it was placed.';
