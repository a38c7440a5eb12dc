CREATE OR REPLACE FUNCTION ledger_core.last_granted(owner_id text, app text, allowance_nonce text)
RETURNS integer
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT max(made.occurrence)
        FROM ledger.allowance_entries AS made
        WHERE made.owner_id = last_granted.owner_id AND made.app = last_granted.app
            AND made.allowance_nonce = last_granted.allowance_nonce AND made.kind = 'granted'
    );
END
$$;

COMMENT ON FUNCTION ledger_core.last_granted IS
'The number of the last period of which credits have come from an allowance; null if none have.';
