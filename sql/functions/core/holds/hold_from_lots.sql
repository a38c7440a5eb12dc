-- requires: functions/core/lots/usable_lots
CREATE OR REPLACE FUNCTION ledger_core.hold_from_lots(hold ledger.holds, amount bigint, account ledger_core.account_state)
RETURNS jsonb
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_used_up boolean;
    v_unusable bigint;
    v_reserved jsonb;
BEGIN
    WITH shares AS MATERIALIZED (
        SELECT usable.*
        FROM ledger_core.usable_lots(
            hold.owner_id, hold.asset, hold.app, hold.operation, hold_from_lots.amount, account.balance - account.held
        ) AS usable
    ),

    -- A hold that grows may have a part of the lot already.
    noted AS (
        INSERT INTO ledger.hold_lots AS kept (owner_id, asset, app, hold_nonce, lot_seq, amount)
        SELECT hold.owner_id, hold.asset, hold.app, hold.nonce, shares.lot_seq, shares.amount
        FROM shares
        WHERE shares.amount > 0
        ON CONFLICT (owner_id, app, hold_nonce, lot_seq) DO UPDATE SET amount = kept.amount + excluded.amount
    ),

    raised AS (
        UPDATE ledger.lots
        SET held = lots.held + shares.amount
        FROM shares
        WHERE lots.owner_id = hold.owner_id AND lots.asset = hold.asset AND lots.seq = shares.lot_seq
            AND shares.amount > 0
    )

    SELECT
        bool_or(shares.amount = shares.free),
        coalesce(sum(shares.free) FILTER (WHERE NOT shares.is_usable), 0),
        jsonb_object_agg(shares.lot_seq, shares.amount) FILTER (WHERE shares.amount > 0)
    INTO v_used_up, v_unusable, v_reserved
    FROM shares;
    IF NOT ledger_core.is_covered(account, hold_from_lots.amount + v_unusable) THEN
        PERFORM ledger_core.refuse_insufficient(
            hold.owner_id, hold.asset, account.balance - account.held, v_unusable, hold_from_lots.amount,
            account.min_balance
        );
    ELSIF v_used_up THEN
        PERFORM ledger_core.note_next_due(hold.owner_id, hold.asset);
    END IF;
    RETURN v_reserved;
END
$$;

COMMENT ON FUNCTION ledger_core.hold_from_lots IS
'Reserves up to amount for a hold from the lots of a locked, settled account (as it was before) that its operation and app may
use, in the one order, and notes in the account if another lot is the next to expire. The rest is reserved from credits in no
lot. Returns the amounts by lot_seq, as an object; null if there are none. Raises LG301 if they do not cover amount.';
