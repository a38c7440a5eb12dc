CREATE OR REPLACE FUNCTION ledger_core.lock_pair(
    owner_id text,
    peer_owner_id text,
    asset text,
    OUT own ledger_core.account_state,
    OUT peer ledger_core.account_state
)
LANGUAGE plpgsql
AS $$
BEGIN
    IF owner_id COLLATE "C" < peer_owner_id COLLATE "C" THEN
        own := ledger_core.lock_account(owner_id, asset);
        peer := ledger_core.lock_account(peer_owner_id, asset);
    ELSE
        peer := ledger_core.lock_account(peer_owner_id, asset);
        own := ledger_core.lock_account(owner_id, asset);
    END IF;
    -- Something may be due on one account between its time and that of the other.
    IF own.next_due_at <= peer.now THEN
        PERFORM ledger_core.settle(owner_id, asset, peer.now);
        own := ledger_core.lock_account(owner_id, asset);
    ELSIF peer.next_due_at <= own.now THEN
        PERFORM ledger_core.settle(peer_owner_id, asset, own.now);
        peer := ledger_core.lock_account(peer_owner_id, asset);
    END IF;
    own.now := greatest(own.now, peer.now);
    peer.now := own.now;
END
$$;

COMMENT ON FUNCTION ledger_core.lock_pair IS
'Locks the accounts of two owners, as ledger_core.lock_account does one, in the order of their keys, so that transfers in opposite
directions do not wait for each other. Settles both up to the same time, now of both states. Raises LG001 and LG311 for owners
who cannot have an account here.';
