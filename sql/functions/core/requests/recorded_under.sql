CREATE OR REPLACE FUNCTION ledger_core.recorded_under(owner_id text, app text, nonce text)
RETURNS ledger.recorded_entry
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_entry ledger.recorded_entry;
BEGIN
    SELECT
        entry_id, seq, owner_id, asset, app, operation, amount, balance_after, nonce, metadata, expires_at, hold_nonce,
        reverses_seq, recorded_at, TRUE
    INTO v_entry
    FROM ledger.entries
    WHERE owner_id = recorded_under.owner_id AND app = recorded_under.app AND nonce = recorded_under.nonce;
    IF NOT FOUND AND EXISTS (
        SELECT 1 FROM ledger.holds
        WHERE owner_id = recorded_under.owner_id AND app = recorded_under.app AND nonce = recorded_under.nonce
    ) THEN
        PERFORM ledger_core.refuse_nonce(recorded_under.app, recorded_under.nonce);
    END IF;
    RETURN v_entry;
END
$$;

COMMENT ON FUNCTION ledger_core.recorded_under IS
'The owner''s entry under this nonce of the app, as a replay, or null if the nonce is unused. The caller compares the requests. Raises LG201 if the nonce is that of a hold.';
