CREATE OR REPLACE FUNCTION ledger_core.lock_pair(owner_id text, peer_owner_id text, asset text)
RETURNS ledger_core.account_pair
LANGUAGE plpgsql
AS $$
DECLARE
    v_own ledger_core.account_state;
    v_peer ledger_core.account_state;
BEGIN
    IF owner_id COLLATE "C" < peer_owner_id COLLATE "C" THEN
        v_own := ledger_core.lock_account(owner_id, asset);
        v_peer := ledger_core.lock_account(peer_owner_id, asset);
    ELSE
        v_peer := ledger_core.lock_account(peer_owner_id, asset);
        v_own := ledger_core.lock_account(owner_id, asset);
    END IF;
    -- Something may be due on one account between its time and that of the other.
    IF v_own.next_due_at <= v_peer.now THEN
        PERFORM ledger_core.settle(owner_id, asset, v_peer.now);
        v_own := ledger_core.lock_account(owner_id, asset);
    ELSIF v_peer.next_due_at <= v_own.now THEN
        PERFORM ledger_core.settle(peer_owner_id, asset, v_own.now);
        v_peer := ledger_core.lock_account(peer_owner_id, asset);
    END IF;
    v_own.now := greatest(v_own.now, v_peer.now);
    v_peer.now := v_own.now;
    RETURN (v_own, v_peer);
END
$$;

COMMENT ON FUNCTION ledger_core.lock_pair IS
'Locks the accounts of two owners, as ledger_core.lock_account does one, in the order of their keys, so that transfers in opposite
directions do not wait for each other. Settles both up to the same time, now of both states. Raises LG001 and LG311 for owners
who cannot have an account here.';
