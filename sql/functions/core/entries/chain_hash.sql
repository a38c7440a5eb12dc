-- Inlined by the planner wherever it is used.
CREATE OR REPLACE FUNCTION ledger_core.chain_hash(previous bytea, entry_bytes bytea)
RETURNS bytea
LANGUAGE sql
IMMUTABLE
AS $$ SELECT sha256(previous || entry_bytes) $$;

COMMENT ON FUNCTION ledger_core.chain_hash IS
'Hash of an entry or of a line of a journal: SHA-256 over the hash of the one before (32 zero bytes before the first) and its canonical bytes: ledger_core.entry_bytes, action_bytes, change_bytes.';
