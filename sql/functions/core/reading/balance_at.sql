CREATE OR REPLACE FUNCTION ledger_core.balance_at(owner_id text, asset text, at timestamptz)
RETURNS TABLE (seq bigint, posted bigint, balance bigint)
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_seq bigint := ledger_core.last_seq_at(balance_at.owner_id, balance_at.asset, balance_at.at);
    v_posted bigint;
BEGIN
    SELECT balance_after INTO v_posted FROM ledger.entries
    WHERE owner_id = balance_at.owner_id AND asset = balance_at.asset AND seq = v_seq;
    v_posted := coalesce(v_posted, 0);
    RETURN QUERY
    SELECT v_seq, v_posted, v_posted + due.balance - accounts.balance
    FROM ledger.accounts
    CROSS JOIN LATERAL ledger_core.standing_at(accounts.owner_id, accounts.asset, balance_at.at) AS due
    WHERE accounts.owner_id = balance_at.owner_id AND accounts.asset = balance_at.asset
        AND accounts.next_due_at <= balance_at.at;
    IF NOT FOUND THEN
        RETURN QUERY SELECT v_seq, v_posted, v_posted;
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.balance_at IS
'An account at a time: its last entry then, the balance after that entry,
and the balance including what was due by then and is not posted yet.';
