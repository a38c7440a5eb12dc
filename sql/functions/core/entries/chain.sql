-- requires: functions/core/entries/chain_step
CREATE OR REPLACE AGGREGATE ledger_core.chain(previous bytea, entry_bytes bytea) (
    SFUNC = ledger_core.chain_step,
    STYPE = bytea
);

COMMENT ON AGGREGATE ledger_core.chain(bytea, bytea) IS
'As a window over an account''s new entries in order: the hash of each, beginning with the account''s head (previous).
As an aggregate: the last of them.';
