CREATE OR REPLACE FUNCTION ledger_core.last_seq_at(owner_id text, asset text, at timestamptz)
RETURNS bigint
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_low bigint := 0;
    v_high bigint;
    v_middle bigint;
BEGIN
    SELECT last_seq INTO v_high FROM ledger.accounts
    WHERE owner_id = last_seq_at.owner_id AND asset = last_seq_at.asset;
    -- The entries of an account are numbered without gaps in the order of their times: binary search.
    WHILE v_low < v_high LOOP
        v_middle := (v_low + v_high + 1) / 2;
        IF (
            SELECT recorded_at FROM ledger.entries
            WHERE owner_id = last_seq_at.owner_id AND asset = last_seq_at.asset AND seq = v_middle
        ) <= last_seq_at.at THEN
            v_low := v_middle;
        ELSE
            v_high := v_middle - 1;
        END IF;
    END LOOP;
    RETURN v_low;
END
$$;

COMMENT ON FUNCTION ledger_core.last_seq_at IS
'Number of the account''s last entry recorded at or before the given time; 0 if there was none.';
