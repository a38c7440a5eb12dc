-- requires: dropped/0.1_answers
CREATE OR REPLACE FUNCTION ledger.grow_hold(
    app text, hold_nonce text, nonce text, by bigint, owner_id text DEFAULT NULL
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
    IF NOT ledger_core.is_nonce(grow_hold.nonce) THEN
        PERFORM ledger_core.check_nonce(grow_hold.app, grow_hold.nonce);
    ELSIF grow_hold.by IS NULL THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object('field', 'by', 'reason', 'is required'));
    END IF;
    SELECT holder_id, asset INTO v_account
    FROM ledger_core.hold_account(grow_hold.app, grow_hold.hold_nonce, grow_hold.owner_id);
    IF NOT FOUND THEN
        PERFORM ledger_core.refuse_hold(grow_hold.app, grow_hold.hold_nonce, grow_hold.owner_id);
    END IF;
    RETURN ledger_core.grow_hold(
        v_account.holder_id, v_account.asset, grow_hold.app, grow_hold.hold_nonce, grow_hold.nonce, grow_hold.by
    );
END
$$;

COMMENT ON FUNCTION ledger.grow_hold IS
'Reserves more for an open hold, as often as needed, and returns the hold; replayed is true if the same request had grown it
before, and then nothing changes. A refusal leaves the hold as it was. It does not make the hold last longer.
nonce: names the growth, and must not be that of an entry, a hold or another growth. by: how much more to reserve, a positive
number of whole units; with all that the hold reserves, within the bounds that its operation has now, retired or not.
owner_id: whose hold it must be; with partitions, it tells where the hold is. Null: the nonce says it.
Raises LG001, LG002, LG101, LG105, LG201, LG301, LG303, LG304 once the hold was captured, released or expired, LG307, LG311,
LG401.';
