-- Transfers: operations that move credits from one owner to another, and entries that know the other side.
-- depends: 0031_classes

ALTER TABLE ledger.operations
ADD COLUMN transferable boolean,
ADD CONSTRAINT operations_transfers_debit CHECK (transferable IS NOT TRUE OR max_amount < 0) NOT VALID;

ALTER TABLE ledger.entries
ADD COLUMN peer_owner_id text COLLATE "C",
ADD COLUMN peer_seq bigint;

CREATE TYPE ledger_core.account_pair AS (
    own ledger_core.account_state,
    peer ledger_core.account_state
);

COMMENT ON TYPE ledger_core.account_pair IS 'Two accounts under their locks, of the sender and of the receiver, as of the same time.';
