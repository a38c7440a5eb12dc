-- requires: dropped/0.1_answers
-- requires: dropped/0.1_signatures
CREATE OR REPLACE FUNCTION ledger.extend_hold(
    app text, hold_nonce text, expires_in interval, owner_id text DEFAULT NULL
)
RETURNS ledger.hold_row
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while a table is empty would go on reading the whole of it.
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_account record;
BEGIN
    PERFORM ledger_core.check_expires_in(extend_hold.expires_in);
    SELECT holder_id, asset INTO v_account
    FROM ledger_core.hold_account(extend_hold.app, extend_hold.hold_nonce, extend_hold.owner_id);
    IF NOT FOUND THEN
        PERFORM ledger_core.refuse_hold(extend_hold.app, extend_hold.hold_nonce, extend_hold.owner_id);
    END IF;
    RETURN ledger_core.extend_open_hold(
        v_account.holder_id, v_account.asset, extend_hold.app, extend_hold.hold_nonce, extend_hold.expires_in
    );
END
$$;

COMMENT ON FUNCTION ledger.extend_hold IS
'Extends an open hold to at least expires_in (positive, at most 366 days) from now. Never shortens it, so a retry is
safe.
owner_id: whose hold it must be; with partitions, it tells where the hold is. Null: the nonce says it.
Raises LG001, LG101, LG105, LG304 once it has ended, LG311, LG401.';
