-- requires: dropped/0.1_answers
-- requires: dropped/0.1_signatures
CREATE OR REPLACE FUNCTION ledger.release_hold(app text, hold_nonce text, owner_id text DEFAULT NULL)
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
    SELECT holder_id, asset INTO v_account
    FROM ledger_core.hold_account(release_hold.app, release_hold.hold_nonce, release_hold.owner_id);
    IF NOT FOUND THEN
        PERFORM ledger_core.refuse_hold(release_hold.app, release_hold.hold_nonce, release_hold.owner_id);
    END IF;
    RETURN ledger_core.release_open_hold(
        v_account.holder_id, v_account.asset, release_hold.app, release_hold.hold_nonce
    );
END
$$;

COMMENT ON FUNCTION ledger.release_hold IS
'Ends a hold and frees what it still reserves. Releasing a released hold again changes nothing (replayed is true).
owner_id: whose hold it must be; with partitions, it tells where the hold is. Null: the nonce says it.
Raises LG001, LG101, LG105, LG304 if it was captured or has expired, LG311, LG401.';
