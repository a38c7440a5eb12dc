CREATE OR REPLACE FUNCTION ledger_core.seq_at(owner_id text, asset text, at timestamptz)
RETURNS bigint
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_in_order_from bigint;
    v_low bigint;
    v_high bigint;
    v_middle bigint;
BEGIN
    SELECT in_order_from, in_order_from - 1, last_seq INTO v_in_order_from, v_low, v_high
    FROM ledger.accounts
    WHERE owner_id = seq_at.owner_id AND asset = seq_at.asset;
    -- From in_order_from on, the entries are numbered in the order of their times: binary search.
    WHILE v_low < v_high LOOP
        v_middle := (v_low + v_high + 1) / 2;
        IF (
            SELECT recorded_at FROM ledger.entries
            WHERE owner_id = seq_at.owner_id AND asset = seq_at.asset AND seq = v_middle
        ) <= seq_at.at THEN
            v_low := v_middle;
        ELSE
            v_high := v_middle - 1;
        END IF;
    END LOOP;
    -- Before it, the clock was set back once or more: one after the other.
    IF v_low > 0 AND v_low < v_in_order_from THEN
        SELECT seq INTO v_low FROM ledger.entries
        WHERE owner_id = seq_at.owner_id AND asset = seq_at.asset
            AND seq <= v_low AND recorded_at <= seq_at.at
        ORDER BY seq DESC
        LIMIT 1;
    END IF;
    RETURN coalesce(v_low, 0);
END
$$;

COMMENT ON FUNCTION ledger_core.seq_at IS
'The highest number of the account''s entries recorded at or before the given time; 0 if there was none. If the clock was
ahead when an entry was recorded, the entry counts from the time of the next entry on.';
