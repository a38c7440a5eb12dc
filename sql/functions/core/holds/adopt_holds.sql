CREATE OR REPLACE FUNCTION ledger_core.adopt_holds(owner_id text, asset text)
RETURNS bigint
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_hold record;
    v_adopted bigint := 0;
BEGIN
    -- Whoever has read the account without a lock must see that its journal changes.
    UPDATE ledger.accounts
    SET held = held
    WHERE owner_id = adopt_holds.owner_id AND asset = adopt_holds.asset;
    FOR v_hold IN
        SELECT app, nonce, event FROM ledger_core.holds_to_adopt(adopt_holds.owner_id) AS holds
        WHERE holds.asset = adopt_holds.asset
    LOOP
        PERFORM 1 FROM ledger_core.journal_hold(
            adopt_holds.owner_id, adopt_holds.asset, v_hold.app, v_hold.nonce, v_hold.event, ledger_core.clock()
        );
        v_adopted := v_adopted + 1;
    END LOOP;
    RETURN v_adopted;
END
$$;

COMMENT ON FUNCTION ledger_core.adopt_holds IS
'Locks an account and adds the lines that ledger_core.holds_to_adopt finds missing to ledger.hold_events, with the holds as
they are now. Returns their number. Only `ledger migrate` calls it, after an upgrade: a hold that differs later was tampered with.';
