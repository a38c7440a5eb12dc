CREATE OR REPLACE FUNCTION ledger_core.chain_step(state bytea, previous bytea, entry_bytes bytea)
RETURNS bytea
LANGUAGE plpgsql
IMMUTABLE
AS $$
BEGIN
    RETURN ledger_core.chain_hash(coalesce(state, previous), entry_bytes);
END
$$;

COMMENT ON FUNCTION ledger_core.chain_step IS
'Step of the aggregate ledger_core.chain.';
