-- Inlined by the planner wherever it is used.
CREATE OR REPLACE FUNCTION ledger_core.chain_hash(previous bytea, entry_bytes bytea)
RETURNS bytea
LANGUAGE sql
IMMUTABLE
AS $$ SELECT sha256(previous || entry_bytes) $$;

COMMENT ON FUNCTION ledger_core.chain_hash IS
'The hash of an entry, or of a line of a journal: SHA-256 over the hash of the one before (ledger_core.zero_hash before the
first) and its canonical bytes (ledger_core.hashed_entry, line_bytes).';
