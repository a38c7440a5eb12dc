CREATE OR REPLACE FUNCTION ledger_core.last_seq_at(owner_id text, asset text, at timestamptz)
RETURNS bigint
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_account record;
    v_now timestamptz := ledger_core.clock();
BEGIN
    SELECT last_seq, last_entry_at INTO v_account
    FROM ledger.accounts
    WHERE owner_id = last_seq_at.owner_id AND asset = last_seq_at.asset;
    -- Nothing has followed an entry of the future yet.
    IF v_account.last_entry_at > v_now AND last_seq_at.at >= v_now - ledger_core.clock_tolerance() THEN
        RETURN v_account.last_seq;
    END IF;
    RETURN ledger_core.seq_at(last_seq_at.owner_id, last_seq_at.asset, last_seq_at.at);
END
$$;

COMMENT ON FUNCTION ledger_core.last_seq_at IS
'As ledger_core.seq_at, but an entry of the future that nothing has followed counts from ledger_core.clock_tolerance ago on,
until its own time has come.';
